"""The indexes of the control plane's cache, so that no reconcile reads every object of a kind."""

from __future__ import annotations

from kubernaut.resources import Resource
from kubernaut.resources.builtin.core_v1 import Pod

OWNER = "owner"
"""By the uid of the controlling owner."""
NODE = "node"
"""Pods that take up a node's room, by its name."""

FINISHED = ("Succeeded", "Failed")


def by_owner(obj: Resource) -> list[str]:
    """The values of index OWNER."""
    reference = obj.metadata.controller_reference()
    return [reference.uid] if reference is not None else []


def _by_node(pod: Resource) -> list[str]:
    if not isinstance(pod, Pod) or not pod.spec.node_name or pod.status.phase in FINISHED:
        return []
    return [pod.spec.node_name]


POD_INDEXES = {OWNER: by_owner, NODE: _by_node}
