"""On which nodes a DaemonSet wants a pod, and the pod that only goes there. Pure functions."""

from __future__ import annotations

from kubernaut.fake.controlplane.affinity import matches_node, tolerated
from kubernaut.fake.controlplane.revisions import REVISION_LABEL
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, DaemonSet
from kubernaut.resources.builtin.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    Taint,
)
from kubernaut.resources.builtin.pods import PodSpec, Toleration

GENERATION = "pod-template-generation"
_NAME = "metadata.name"
_UNSCHEDULABLE = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_BEARABLE = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
"""What every daemon pod tolerates (k8s.io/kubernetes pkg/controller/daemon/util)."""


def wants(daemon_set: DaemonSet, node: Node) -> tuple[bool, bool]:
    """Whether a pod should be made on the node, and whether one that is there may stay."""
    spec = daemon_set.spec.template.spec
    if not matches_node(spec, node) or (spec.node_name and spec.node_name != node.name):
        return False, False
    tolerations = _tolerations(spec)
    taints = [*node.spec.taints, *([_UNSCHEDULABLE] if node.spec.unschedulable else [])]
    refused = [taint.effect for taint in taints if not tolerated(taint, tolerations)]
    return not {"NoSchedule", "NoExecute"} & {*refused}, "NoExecute" not in refused


def node_of(pod: Pod) -> str | None:
    """The node a daemon pod is on, or is meant for."""
    if pod.spec.node_name:
        return pod.spec.node_name
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    for term in required.node_selector_terms if required is not None else ():
        for field in term.match_fields:
            if field.key == _NAME and field.operator == "In" and len(field.values) == 1:
                return field.values[0]
    return None


def daemon_pod(daemon_set: DaemonSet, revision: ControllerRevision, suffix: str, node: str) -> Pod:
    """The pod for one node; the scheduler binds it there."""
    pod = pod_from(daemon_set.spec.template, daemon_set)
    pod.metadata.labels[REVISION_LABEL] = suffix
    pod.metadata.labels[GENERATION] = str(revision.revision)
    pod.spec.tolerations = _tolerations(pod.spec)
    affinity = pod.spec.affinity or Affinity()
    node_affinity = affinity.node_affinity or NodeAffinity()
    only = NodeSelectorRequirement(key=_NAME, operator="In", values=[node])
    required = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_fields=[only])])
    node_affinity.required_during_scheduling_ignored_during_execution = required
    affinity.node_affinity = node_affinity
    pod.spec.affinity = affinity
    return pod


def _tolerations(spec: PodSpec) -> list[Toleration]:
    added = [Toleration(key=key, operator="Exists", effect=effect) for key, effect in _BEARABLE]
    if spec.host_network:
        key = "node.kubernetes.io/network-unavailable"
        added.append(Toleration(key=key, operator="Exists", effect="NoSchedule"))
    return [*spec.tolerations, *(one for one in added if one not in spec.tolerations)]
