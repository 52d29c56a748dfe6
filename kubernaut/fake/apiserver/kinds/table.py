"""Which resource has which kind's behaviour."""

from __future__ import annotations

from kubernaut.fake.apiserver.kinds.base import Kind
from kubernaut.fake.apiserver.kinds.core import (
    EventKind,
    NamespaceKind,
    NodeKind,
    PodKind,
    ReturnedKind,
    SecretKind,
    ServiceKind,
)
from kubernaut.fake.apiserver.kinds.crd import CrdKind
from kubernaut.fake.apiserver.kinds.workloads import CronJobKind, DeploymentKind, JobKind, PdbKind, ReplicatedKind
from kubernaut.fake.apiserver.registry import ResourceInfo

_GENERIC = Kind()
_RETURNED = ReturnedKind()
_KINDS: dict[str, Kind] = {
    "pods": PodKind(),
    "namespaces": NamespaceKind(),
    "nodes": NodeKind(),
    "secrets": SecretKind(),
    "services": ServiceKind(),
    "events": EventKind(),
    "apps/deployments": DeploymentKind(),
    "apps/replicasets": ReplicatedKind(),
    "apps/statefulsets": ReplicatedKind(),
    "apps/daemonsets": ReplicatedKind(),
    "replicationcontrollers": ReplicatedKind(),
    "batch/jobs": JobKind(),
    "batch/cronjobs": CronJobKind(),
    "policy/poddisruptionbudgets": PdbKind(),
    "apiextensions.k8s.io/customresourcedefinitions": CrdKind(),
    "serviceaccounts": _RETURNED,
    "persistentvolumes": _RETURNED,
    "persistentvolumeclaims": _RETURNED,
    "podtemplates": _RETURNED,
    "resourcequotas": _RETURNED,
}


def kind_of(resource: ResourceInfo) -> Kind:
    if resource.custom is not None:
        own: Kind = resource.custom.kind_behaviour
        return own
    return _KINDS.get(resource.store, _GENERIC)
