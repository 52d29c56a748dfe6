"""scale-deployment: set the number of replicas of a Deployment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.parameters import Parameters
from kubernaut.actions.rollback import CaptureFailed, RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

MAX_REPLICAS = 100


class ScaleDeploymentParameters(Parameters):
    """How many pods there shall be; zero is legal."""

    replicas: int = Field(ge=0, le=MAX_REPLICAS, description="Number of pods, 0 to 100.", examples=[5])


class ScaleDeployment(BaseAction[ScaleDeploymentParameters]):
    """Not idempotent: the precondition on the old number makes a second run fail rather than undo somebody's change."""

    name = "scale-deployment"
    title = "Scale a Deployment"
    parameters = ScaleDeploymentParameters
    risk = "medium"
    undone_by = "scale-deployment"
    default_timeout = timedelta(seconds=30)
    targets = (Deployment.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return [
            *rule("apps", "deployments", "get", target=target),
            *rule("apps", "deployments/scale", "get", "update", target=target),
        ]

    def command(self, invocation: Invocation[ScaleDeploymentParameters]) -> list[str]:
        target = invocation.target
        argv = ["kubectl", "scale", f"deployment/{target.name}", "--namespace", target.namespace or ""]
        argv += ["--replicas", str(invocation.parameters.replicas)]
        return [*argv, "--current-replicas", str(current_replicas(invocation.live))]

    def capture(self, invocation: Invocation[ScaleDeploymentParameters]) -> RollbackInformation | None:
        live, replicas = invocation.live, current_replicas(invocation.live)
        if replicas == invocation.parameters.replicas:
            return None
        if replicas > MAX_REPLICAS:
            raise CaptureFailed(
                f"it has {replicas} replicas now; scaling back to more than {MAX_REPLICAS} is not possible, "
                "so this change could not be undone"
            )
        return inverse(live, self.name, {"replicas": replicas})


def current_replicas(live: Mapping[str, Any]) -> int:
    """`spec.replicas`, which the API server defaults to 1."""
    replicas = live.get("spec", {}).get("replicas")
    return 1 if replicas is None else int(replicas)
