"""restart-deployment: replace all pods of a Deployment, step by step."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions.action import BaseAction, Invocation, live_uid, rule
from kubernaut.actions.builtin.workloads import inline, patch_argv
from kubernaut.actions.parameters import NoParameters
from kubernaut.actions.target import Target, TargetError
from kubernaut.resources import format_time
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.rbac_v1 import PolicyRule
from kubernaut.timing import current_clock

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class RestartDeployment(BaseAction[NoParameters]):
    """Sets the annotation that `kubectl rollout restart` sets, by a patch: that command has neither a precondition nor
    a dry run. Nothing to roll back: the old pods cannot return.

    Idempotent: the time is written into the command, so that a second run changes nothing.
    """

    name = "restart-deployment"
    title = "Restart a Deployment"
    parameters = NoParameters
    risk = "low"
    idempotent = True
    default_timeout = timedelta(seconds=30)
    targets = (Deployment.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("apps", "deployments", "get", "patch", target=target)

    def command(self, invocation: Invocation[NoParameters]) -> list[str]:
        if (invocation.live.get("spec") or {}).get("paused"):
            raise TargetError("target", f"{invocation.target} is paused: nothing would be restarted")
        annotations = {RESTARTED_AT: format_time(invocation.now or current_clock().now())}
        template = {"metadata": {"annotations": annotations}}
        # A patch that carries a uid is refused by the server when the object has another one.
        patch = {"metadata": {"uid": live_uid(invocation)}, "spec": {"template": template}}
        return [*patch_argv(Deployment.resource_type, invocation.target, "merge"), *inline(patch)]
