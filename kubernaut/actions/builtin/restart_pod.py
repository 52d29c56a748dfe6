"""restart-pod: delete a pod so that its controller makes a new one."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.parameters import Parameters
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

MAX_GRACE_SECONDS = 300


class RestartPodParameters(Parameters):
    """How long the containers may take to end."""

    grace_period_seconds: int = Field(
        default=30, ge=0, le=MAX_GRACE_SECONDS, description="Seconds between SIGTERM and SIGKILL, 0 to 300."
    )


class RestartPod(BaseAction[RestartPodParameters]):
    """Nothing to roll back: the old pod cannot return.

    Not idempotent: a StatefulSet's new pod has the old one's name. kubectl cannot make a deletion depend on the uid.
    """

    name = "restart-pod"
    title = "Restart a Pod"
    parameters = RestartPodParameters
    risk = "low"
    default_timeout = timedelta(seconds=60)
    targets = (Pod.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("", "pods", "get", "list", "watch", "delete", target=target)

    def command(self, invocation: Invocation[RestartPodParameters]) -> list[str]:
        target, grace = invocation.target, invocation.parameters.grace_period_seconds
        argv = ["kubectl", "delete", "pod", target.name, "--namespace", target.namespace or ""]
        argv += ["--grace-period", str(grace), "--wait=true"]
        # Without --force kubectl turns a grace period of 0 into 1.
        return argv if grace else [*argv, "--force"]
