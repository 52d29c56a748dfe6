"""All objects of an installation, in an order in which they can be applied in one go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubernaut.install.access import RBAC, access_of
from kubernaut.install.definitions import admission_of, definitions_of
from kubernaut.install.features import ServerFeatures
from kubernaut.install.installation import GIVEN_NAMESPACES, Installation, Manifest
from kubernaut.install.network import network_policy_of, services_of
from kubernaut.install.workload import config_of, deployment_of, disruption_budget_of
from kubernaut.resources import Resource

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}

# What others need comes before them; webhooks last, for from then on the process has to answer.
_ORDER = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "NetworkPolicy",
    "Deployment",
    "PodDisruptionBudget",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)


def render(installation: Installation, server: ServerFeatures) -> list[Manifest]:
    """The manifests for a server that knows so much. The same input gives the same output."""
    found = [
        *_namespace(installation),
        *definitions_of(installation, server),
        *access_of(installation),
        *config_of(installation),
        *services_of(installation),
        network_policy_of(installation),
        deployment_of(installation),
        *disruption_budget_of(installation, server),
        *admission_of(installation, server),
        *plain(installation.extra),
    ]
    return sorted(found, key=_rank)


def plain(objects: Iterable[Manifest | Resource]) -> list[Manifest]:
    """Objects as one writes them: no status, nothing that only the server sets, none of what it would leave out."""
    return [_written(one.to_apply()) if isinstance(one, Resource) else one for one in objects]


def _written(manifest: Manifest) -> Manifest:
    """An empty list in a rule is not stored, and what differs from what is stored is applied again each time."""
    if "rules" in manifest and str(manifest.get("apiVersion")).startswith(f"{RBAC}/"):
        rules = [{key: value for key, value in rule.items() if value != []} for rule in manifest["rules"]]
        return {**manifest, "rules": rules}
    if "roleRef" in manifest:
        return {**manifest, "roleRef": {"apiGroup": RBAC, **manifest["roleRef"]}}
    return manifest


def _rank(manifest: dict[str, Any]) -> int:
    kind = manifest.get("kind")
    return _ORDER.index(kind) if kind in _ORDER else _ORDER.index("Service")


def _namespace(installation: Installation) -> list[Manifest]:
    name = installation.namespace
    if name in GIVEN_NAMESPACES:
        return []
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {**installation.labels, **RESTRICTED}},
        }
    ]
