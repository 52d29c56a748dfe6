"""cordon-node: let no new pods onto a node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kubernaut.actions.action import BaseAction, Invocation, live_uid, rule
from kubernaut.actions.parameters import NoParameters
from kubernaut.actions.rollback import RollbackInformation, inverse
from kubernaut.actions.target import Target
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.resources.builtin.rbac_v1 import PolicyRule


class CordonNode(BaseAction[NoParameters]):
    """Pods that run there stay. Idempotent: it sets a value, on the node of this uid only."""

    name = "cordon-node"
    title = "Cordon a Node"
    parameters = NoParameters
    risk = "low"
    idempotent = True
    undone_by = "uncordon-node"
    default_timeout = timedelta(seconds=30)
    targets = (Node.resource_type,)

    def rbac(self, target: Target | None = None) -> list[PolicyRule]:
        return rule("", "nodes", "get", "patch", target=target)

    def command(self, invocation: Invocation[NoParameters]) -> list[str]:
        return unschedulable_command(invocation, True)

    def capture(self, invocation: Invocation[NoParameters]) -> RollbackInformation | None:
        return None if is_unschedulable(invocation.live) else inverse(invocation.live, "uncordon-node")


def is_unschedulable(live: Mapping[str, Any]) -> bool:
    return bool(live.get("spec", {}).get("unschedulable"))


def unschedulable_command(invocation: Invocation[Any], value: bool) -> list[str]:
    """A JSON patch, because `kubectl cordon` cannot check the uid. Raises ValueError without a live object."""
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": live_uid(invocation)},
        {"op": "add", "path": "/spec/unschedulable", "value": value},
    ]
    patch = json.dumps(operations, separators=(",", ":"))
    return ["kubectl", "patch", "node", invocation.target.name, "--type=json", "--patch", patch]
