"""restart-pod: delete a pod so that its controller makes a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.builtin.deletion import deletion_argv, deletion_files
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
    """Nothing to roll back: the old pod cannot return. Done when the server has taken the deletion; the containers may
    still be ending.

    A StatefulSet's new pod has the old one's name: the uid keeps a second run from it, and makes that run fail.
    """

    name = "restart-pod"
    title = "Restart a Pod"
    parameters = RestartPodParameters
    risk = "low"
    default_timeout = timedelta(seconds=60)
    targets = (Pod.resource_type,)
    keeps_output = False

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("", "pods", "delete", target=target)

    def command(self, invocation: Invocation[RestartPodParameters]) -> list[str]:
        return deletion_argv(Pod.resource_type, invocation.target)

    def dry_run_command(self, invocation: Invocation[RestartPodParameters]) -> list[str]:
        return self.command(invocation)

    def files(self, invocation: Invocation[RestartPodParameters], *, dry_run: bool = False) -> Mapping[str, str]:
        return deletion_files(invocation, dry_run=dry_run, grace=invocation.parameters.grace_period_seconds)
