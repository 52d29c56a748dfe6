"""Which resources are served: the built-in ones from recorded discovery, and those of live CRDs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources as package_resources
from typing import Any

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
# two groups, one storage: the key is where the objects live
_SHARED = {("events.k8s.io", "events"): ("", "v1", "events")}
_STORED_AT = {("autoscaling", "horizontalpodautoscalers"): "v2"}
_WITH_GENERATION = frozenset(
    [
        "pods",
        "replicationcontrollers",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
        "poddisruptionbudgets",
        "ingresses",
        "ingressclasses",
        "networkpolicies",
        "endpointslices",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "flowschemas",
        "prioritylevelconfigurations",
        "priorityclasses",
        "customresourcedefinitions",
        "resourceslices",
    ]
)
_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "events": (
        *(
            f"involvedObject.{name}"
            for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        ),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "services": ("spec.clusterIP", "spec.type"),
    "apps/replicasets": ("status.replicas",),
    "replicationcontrollers": ("status.replicas",),
    "batch/jobs": ("status.successful",),
    "certificates.k8s.io/certificatesigningrequests": ("spec.signerName",),
}
_ZERO = {"spec.unschedulable": "false", "spec.hostNetwork": "false", "status.replicas": "0", "status.successful": "0"}


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object; `kind`, `group` and `version` are of what it takes and answers."""

    name: str
    kind: str
    group: str
    version: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """One resource at one version. `store` names where its objects are kept, at `stored_version`."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...] = ALL_VERBS
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    store: str = ""
    stored_version: str = ""
    generation: bool = False
    selectable: tuple[str, ...] = ()
    custom: Any = None  # crds.CustomVersion for resources of a CRD

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def status_subresource(self) -> bool:
        return "status" in self.subresources

    @property
    def list_kind(self) -> str:
        return self.custom.list_kind if self.custom is not None else f"{self.kind}List"

    @property
    def allowed_fields(self) -> tuple[str, ...]:
        return ("metadata.name", "metadata.namespace", *self.selectable)

    def unknown_field(self, path: str) -> str:
        """How the server words the refusal of a field selector."""
        if self.custom is None and not self.selectable:
            return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        return f"field label not supported: {path}"

    def fields(self, obj: Mapping[str, Any]) -> dict[str, str]:
        """The values that field selectors may ask for."""
        meta = obj["metadata"]
        values = {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace", "")}
        for path in self.selectable:
            values[path] = _dig(obj, path)
        return values


def _dig(obj: Mapping[str, Any], path: str) -> str:
    value: Any = obj
    for part in ("status.succeeded" if path == "status.successful" else path).split("."):
        value = value.get(part) if isinstance(value, (dict, Mapping)) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if path == "source":
        value = value.get("component") if isinstance(value, Mapping) else None
    if isinstance(value, list):
        return ",".join(str(item.get("ip", "")) for item in value)
    return _ZERO.get(path, "") if value is None else str(value)


@cache
def recorded() -> dict[str, list[dict[str, Any]]]:
    """The discovery documents of the built-in groups, by group version."""
    text = package_resources.files("kubernaut.fake.apiserver").joinpath("data/builtin.json").read_text()
    loaded: dict[str, list[dict[str, Any]]] = json.loads(text)
    return loaded


def split_group_version(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.rpartition("/")
    return group, version


@cache
def builtin() -> tuple[ResourceInfo, ...]:
    """Every built-in resource of the newest supported server, and of older ones as far as still served."""
    return tuple(info for api_version, entries in recorded().items() for info in _read(api_version, entries))


def _read(api_version: str, entries: list[dict[str, Any]]) -> Iterable[ResourceInfo]:
    group, version = split_group_version(api_version)
    subresources: dict[str, dict[str, Subresource]] = {}
    for entry in entries:
        parent, _, name = entry["name"].partition("/")
        if name:
            below = Subresource(
                name, entry["kind"], entry.get("group", group), entry.get("version", version), tuple(entry["verbs"])
            )
            subresources.setdefault(parent, {})[name] = below
    for entry in entries:
        plural = entry["name"]
        if "/" in plural:
            continue
        at_group, _, at_plural = _SHARED.get((group, plural), (group, version, plural))
        store = f"{at_group}/{at_plural}" if at_group else at_plural
        yield ResourceInfo(
            group,
            version,
            entry["kind"],
            plural,
            entry["singularName"],
            entry["namespaced"],
            verbs=tuple(entry["verbs"]),
            short_names=tuple(entry.get("shortNames", ())),
            categories=tuple(entry.get("categories", ())),
            subresources=subresources.get(plural, {}),
            store=store,
            stored_version="v1" if (group, plural) in _SHARED else _STORED_AT.get((group, plural), version),
            generation=plural in _WITH_GENERATION,
            selectable=_FIELDS.get(store, ()),
        )


class Registry:
    """What is served now. `custom` resources come and go; built-in ones stay."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], ResourceInfo] = {}
        self._by_kind: dict[tuple[str, str], ResourceInfo] = {}
        for info in builtin():
            self.add(info)

    def add(self, info: ResourceInfo) -> None:
        self._by_path[info.group, info.version, info.plural] = info
        self._by_kind[info.api_version, info.kind] = info

    def remove(self, info: ResourceInfo) -> None:
        self._by_path.pop((info.group, info.version, info.plural), None)
        self._by_kind.pop((info.api_version, info.kind), None)

    def find(self, group: str, version: str, plural: str) -> ResourceInfo | None:
        return self._by_path.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> ResourceInfo | None:
        return self._by_kind.get((api_version, kind))

    def all(self) -> list[ResourceInfo]:
        return list(self._by_path.values())

    def in_group(self, group: str) -> list[ResourceInfo]:
        return [info for info in self._by_path.values() if info.group == group]

    def stores(self) -> dict[str, ResourceInfo]:
        """One resource per store, at the version in which its objects are kept."""
        found: dict[str, ResourceInfo] = {}
        for info in self._by_path.values():
            own = info.store == (f"{info.group}/{info.plural}" if info.group else info.plural)
            if own and (info.version == info.stored_version or info.store not in found):
                found[info.store] = info
        return found
