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
