"""drain-node: move every pod off a node."""

from __future__ import annotations

import math
from datetime import timedelta

from pydantic import Field

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.builtin.cordon_node import is_unschedulable
from kubernaut.actions.parameters import Flag, Parameters
from kubernaut.actions.rollback import RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

MAX_GRACE_SECONDS = 3600


class DrainNodeParameters(Parameters):
    """What may be lost when the pods go."""

    delete_emptydir_data: Flag = Field(
        default=False, description="Also move pods with emptyDir volumes, whose content is lost."
    )
    force: Flag = Field(default=False, description="Also remove pods that no controller makes anew.")
    grace_period_seconds: int | None = Field(
        default=None,
        ge=1,
        le=MAX_GRACE_SECONDS,
        description="Seconds between SIGTERM and SIGKILL, 1 to 3600; the pods' own by default.",
    )


class DrainNode(BaseAction[DrainNodeParameters]):
    """Cordons the node, then evicts its pods: disruption budgets hold. Pods of DaemonSets stay, as they would come back
    at once. What was evicted does not move back; the inverse lets new pods onto the node again.

    Its own pod never runs on the target. kubectl's drain knows no precondition on the node's uid, hence not idempotent.
    """

    name = "drain-node"
    title = "Drain a Node"
    parameters = DrainNodeParameters
    risk = "high"
    undone_by = "uncordon-node"
    default_timeout = timedelta(minutes=5)
    targets = (Node.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return [
            *rule("", "nodes", "get", "patch", target=target),
            *rule("", "pods", "get", "list"),
            *rule("", "pods/eviction", "create"),
            *rule("apps", "daemonsets", "get"),
        ]

    def command(self, invocation: Invocation[DrainNodeParameters]) -> list[str]:
        parameters, limit = invocation.parameters, invocation.timeout or self.default_timeout
        argv = ["kubectl", "drain", invocation.target.name, "--ignore-daemonsets"]
        if parameters.delete_emptydir_data:
            argv.append("--delete-emptydir-data")
        if parameters.force:
            argv.append("--force")
        if parameters.grace_period_seconds is not None:
            argv.append(f"--grace-period={parameters.grace_period_seconds}")
        # So that kubectl itself says which pod held out: a Job that runs out of time takes its log along.
        return [*argv, f"--timeout={max(1, math.floor(limit.total_seconds()))}s"]

    def avoid_node(self, invocation: Invocation[DrainNodeParameters]) -> str | None:
        return invocation.target.name

    def capture(self, invocation: Invocation[DrainNodeParameters]) -> RollbackInformation | None:
        return None if is_unschedulable(invocation.live) else inverse(invocation.live, "uncordon-node")
