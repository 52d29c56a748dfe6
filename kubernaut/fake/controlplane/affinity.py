"""Whether a node will have a pod: cordon, readiness, taints, node selector and required node affinity."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.fake.controlplane import conditions
from kubernaut.resources.builtin.core_v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint
from kubernaut.resources.builtin.pods import PodSpec, Toleration

_UNSCHEDULABLE = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_NOT_READY = Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")


def refusal(pod: Pod, node: Node) -> str | None:
    """Why the node will not have the pod, in the scheduler's words; None if it will."""
    if node.metadata.deletion_timestamp is not None:
        return "were unschedulable"
    if node.spec.unschedulable and not tolerated(_UNSCHEDULABLE, pod.spec.tolerations):
        return "were unschedulable"
    if not conditions.is_true(node.status.conditions, "Ready") and not tolerated(_NOT_READY, pod.spec.tolerations):
        return "had untolerated taint {node.kubernetes.io/not-ready: }"
    for taint in node.spec.taints:
        if taint.effect in ("NoSchedule", "NoExecute") and not tolerated(taint, pod.spec.tolerations):
            return f"had untolerated taint {{{taint.key}: {taint.value or ''}}}"
    return None if matches_node(pod.spec, node) else "didn't match Pod's node affinity/selector"


def matches_node(spec: PodSpec, node: Node) -> bool:
    """Whether the node selector and the required node affinity allow the node."""
    labels = node.metadata.labels
    return all(labels.get(key) == value for key, value in spec.node_selector.items()) and _affine(spec, node)


def tolerated(taint: Taint, tolerations: Sequence[Toleration]) -> bool:
    """Whether some toleration is for the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether the toleration is for the taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if (toleration.operator or "Equal") == "Exists":
        return True
    return bool(toleration.key) and (toleration.value or "") == (taint.value or "")


def _affine(spec: PodSpec, node: Node) -> bool:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return required is None or any(_term_matches(term, node) for term in required.node_selector_terms)


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    expressions, fields = term.match_expressions, term.match_fields
    if not expressions and not fields:
        return False
    named = {"metadata.name": node.name}
    return all(_requirement(r, node.metadata.labels) for r in expressions) and all(
        _requirement(r, named) for r in fields
    )


def _requirement(requirement: NodeSelectorRequirement, values: dict[str, str]) -> bool:
    actual = values.get(requirement.key)
    wanted = requirement.values
    match requirement.operator:
        case "In":
            return actual in wanted
        case "NotIn":
            return actual not in wanted
        case "Exists":
            return actual is not None
        case "DoesNotExist":
            return actual is None
        case "Gt" | "Lt" as operator:
            if actual is None or not actual.isdecimal() or len(wanted) != 1:
                return False
            return int(actual) > int(wanted[0]) if operator == "Gt" else int(actual) < int(wanted[0])
    return False
