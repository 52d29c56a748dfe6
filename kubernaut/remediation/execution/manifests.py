"""What the cluster needs before the execution controller runs: its CRD and its own RBAC rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubernaut.actions import Catalog
from kubernaut.remediation.execution.types import GROUP, KubernetesExecution
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.rbac_v1 import PolicyRule


def crds() -> list[dict[str, Any]]:
    """The CRD manifests of this room."""
    return [crd_for(KubernetesExecution)]


def cluster_rules(catalog: Catalog) -> list[PolicyRule]:
    """What the controller may do in the whole cluster: its own kind, and read access to what it checks.

    It cannot do what the actions do: that is left to the ServiceAccounts of their Jobs.
    """
    plural = KubernetesExecution.resource_type.plural
    return [
        _rule(GROUP, [plural], "get", "list", "watch", "update", "patch"),
        _rule(GROUP, [f"{plural}/status"], "get", "update", "patch"),
        _rule(GROUP, [f"{plural}/finalizers"], "update"),
        _rule("authorization.k8s.io", ["subjectaccessreviews"], "create"),
        _rule("", ["namespaces"], "get"),
        _rule("events.k8s.io", ["events"], "create", "patch"),
        *_targets(catalog),
    ]


def executor_rules() -> list[PolicyRule]:
    """What the controller may do in the executor's namespace: run Jobs and read their pods."""
    return [
        _rule("batch", ["jobs"], "get", "list", "watch", "create", "patch", "delete"),
        _rule("", ["pods", "pods/log"], "get", "list"),
        _rule("", ["serviceaccounts"], "get"),
    ]


def _targets(catalog: Catalog) -> Iterable[PolicyRule]:
    kinds = sorted({(kind.group, kind.plural) for action in catalog for kind in action.targets})
    return [_rule(group, [plural], "get", "list") for group, plural in kinds]


def _rule(group: str, resources: list[str], *verbs: str) -> PolicyRule:
    return PolicyRule(api_groups=[group], resources=resources, verbs=list(verbs))
