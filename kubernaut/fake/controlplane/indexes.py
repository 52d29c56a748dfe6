"""The index of the control plane's cache, so that no reconcile reads every object of a kind.

There is one index for each kind: the server's JSON is decoded once for each, so several questions share one.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.fake.controlplane.views import PodView
from kubernaut.resources import Resource
from kubernaut.resources.builtin.meta_v1 import LabelSelector

INDEX = "controlplane"
FINISHED = ("Succeeded", "Failed")
WAITING = ""
"""The name of the node of pods that wait for one."""


def of_owner(uid: str | None) -> tuple[str, str]:
    """Where to find what an owner controls."""
    return INDEX, f"owner/{uid}"


def of_nobody(namespace: str | None) -> tuple[str, str]:
    """Where to find what nobody controls in a namespace."""
    return INDEX, f"owner//{namespace}"


def on_node(name: str) -> tuple[str, str]:
    """Where to find the pods of a node that have not ended."""
    return INDEX, f"node/{name}"


def labelled(namespace: str | None, key: str, value: str) -> tuple[str, str]:
    """Where to find the pods of a namespace with a label."""
    return INDEX, f"label/{namespace}/{key}={value}"


def selecting(namespace: str | None, key: str, value: str) -> tuple[str, str]:
    """Where to find the objects whose selector asks for a label, among others."""
    return INDEX, f"selects/{namespace}/{key}={value}"


def selecting_by_expression(namespace: str | None) -> tuple[str, str]:
    """Where to find the objects whose selector names no label with its value."""
    return INDEX, f"selects/{namespace}"


def by_owner(obj: Resource) -> list[str]:
    """For kinds that are controlled by others."""
    reference = obj.metadata.controller_reference()
    return [(of_owner(reference.uid) if reference is not None else of_nobody(obj.namespace))[1]]


def by_pod(pod: PodView) -> list[str]:
    """For pods."""
    values = by_owner(pod)
    if pod.status.phase not in FINISHED:
        values.append(on_node(pod.spec.node_name or WAITING)[1])
    return [*values, *(labelled(pod.namespace, key, value)[1] for key, value in pod.metadata.labels.items())]


def by_selector(namespace: str | None, selector: LabelSelector | Mapping[str, str] | None) -> list[str]:
    """For kinds that select pods: the first label they ask for."""
    labels = selector.match_labels if isinstance(selector, LabelSelector) else selector
    for key in sorted(labels or ()):
        return [selecting(namespace, key, (labels or {})[key])[1]]
    return [selecting_by_expression(namespace)[1]] if selector is not None else []


POD_INDEXES = {INDEX: by_pod}
OWNER_INDEXES = {INDEX: by_owner}
