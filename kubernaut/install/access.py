"""The ServiceAccount of an installation, and the roles that let it do what its controllers declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubernaut.install.installation import Installation, Manifest
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

RBAC = "rbac.authorization.k8s.io"
METRICS = "/metrics"


def access_of(installation: Installation) -> list[Manifest]:
    """A ServiceAccount; a ClusterRole and its binding where anything is needed everywhere; a Role for each namespace.

    With protected metrics also a ClusterRole that lets its holders read them; whom to bind it to is yours.
    """
    name, rules = installation.name, installation.rules
    meta = _meta(installation, namespace=installation.namespace)
    found: list[Manifest] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}]
    if rules.cluster:
        found += _role(installation, "ClusterRole", rules.cluster)
    for namespace, local in rules.namespaces.items():
        found += _role(installation, "Role", local, namespace)
    if installation.protected_metrics:
        reader = {**_meta(installation), "name": f"{name}-metrics-reader"}
        rule = {"nonResourceURLs": [METRICS], "verbs": ["get"]}
        found.append({"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": reader, "rules": [rule]})
    return found


def _role(
    installation: Installation, kind: str, rules: Sequence[PolicyRule], namespace: str | None = None
) -> list[Manifest]:
    meta = _meta(installation, namespace=namespace)
    account = {"kind": "ServiceAccount", "name": installation.name, "namespace": installation.namespace}
    reference = {"apiGroup": RBAC, "kind": kind, "name": installation.name}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": meta, "rules": [_rule(rule) for rule in rules]},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(meta),
            "roleRef": reference,
            "subjects": [account],
        },
    ]


def _rule(rule: PolicyRule) -> Manifest:
    written: dict[str, Any] = {"apiGroups": list(rule.api_groups), "resources": list(rule.resources)}
    if rule.resource_names:
        written["resourceNames"] = list(rule.resource_names)
    return {**written, "verbs": list(rule.verbs)}


def _meta(installation: Installation, namespace: str | None = None) -> Manifest:
    where = {"namespace": namespace} if namespace else {}
    return {"name": installation.name, **where, "labels": dict(installation.labels)}
