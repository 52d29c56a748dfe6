"""uncordon-node: let new pods onto a node again."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions.action import BaseAction, Invocation, rule
from kubernaut.actions.builtin.cordon_node import is_unschedulable, unschedulable_command
from kubernaut.actions.parameters import NoParameters
from kubernaut.actions.rollback import RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.resources.builtin.rbac_v1 import PolicyRule


class UncordonNode(BaseAction[NoParameters]):
    """The inverse of cordon-node, and idempotent like it."""

    name = "uncordon-node"
    title = "Uncordon a Node"
    parameters = NoParameters
    risk = "low"
    idempotent = True
    undone_by = "cordon-node"
    default_timeout = timedelta(seconds=30)
    targets = (Node.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("", "nodes", "get", "patch", target=target)

    def command(self, invocation: Invocation[NoParameters]) -> list[str]:
        return unschedulable_command(invocation, False)

    def capture(self, invocation: Invocation[NoParameters]) -> RollbackInformation | None:
        return inverse(invocation.live, "cordon-node") if is_unschedulable(invocation.live) else None
