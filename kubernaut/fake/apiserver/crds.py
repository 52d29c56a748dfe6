"""Live CustomResourceDefinitions: their checks, their conditions, and the resources they bring."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver import meta
from kubernaut.fake.apiserver.admission.outside import Outside
from kubernaut.fake.apiserver.converter import Converter
from kubernaut.fake.apiserver.core import State
from kubernaut.fake.apiserver.customkind import CustomKind
from kubernaut.fake.apiserver.customtable import Columns
from kubernaut.fake.apiserver.registry import ResourceInfo, Subresource

STORE = "apiextensions.k8s.io/customresourcedefinitions"
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_STATUS_VERBS = ("get", "patch", "update")
Object = dict[str, Any]


@dataclass(slots=True)
class CustomVersion:
    """What a resource of a CRD knows beyond the generic: schema, behaviour, columns, scale paths."""

    list_kind: str
    schema: Object
    kind_behaviour: CustomKind
    columns: Columns
    scale_paths: tuple[str, str, str]
    defined_by: tuple[str, int]  # uid and generation of the CRD
    converter: Converter | None = None  # where a webhook converts between versions
    merge_type: Object | None = None  # made from the schema when first needed

    def definitions(self) -> list[Object]:
        return self.columns.definitions()

    def cells(self, item: Mapping[str, Any], now: datetime) -> list[Any]:
        return self.columns.cells(item, now)


def after_write(state: State, written: ResourceInfo) -> None:
    """Brings conditions and served resources in line after a write to a CRD or to a custom resource."""
    if written.custom is not None:
        # only the last instance of a CRD that is going has consequences
        crd = (
            state.find(STORE, "", f"{written.plural}.{written.group}")
            if not state.storage.count(written.store)
            else None
        )
        if crd is not None and crd["metadata"].get("deletionTimestamp"):
            _finalize(state, crd)
            _serve(state)
        return
    if written.store != STORE:
        return
    for stored in list(state.storage.iterate(STORE)):
        crd = stored.decode()
        if crd["metadata"].get("deletionTimestamp"):
            _finalize(state, crd)
        elif not _condition(crd, "Established"):
            _establish(state, crd)
        elif _storage_version(crd) not in crd["status"].get("storedVersions", ()):
            crd["status"].setdefault("storedVersions", []).append(_storage_version(crd))
            _put(state, crd)
    _serve(state)


def _condition(crd: Object, kind: str) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(item.get("type") == kind and item.get("status") == "True" for item in conditions)


def _storage_version(crd: Object) -> str:
    return next((version["name"] for version in crd["spec"]["versions"] if version.get("storage")), "")


def _put(state: State, crd: Object) -> None:
    resource = state.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert resource is not None
    crd["metadata"]["resourceVersion"] = str(state.storage.next_version())
    state.storage.put(STORE, crd, resource.fields)


def _establish(state: State, crd: Object) -> None:
    now, spec = meta.stamp(state.now()), crd["spec"]
    names = dict(spec["names"])
    condition = {"status": "True", "lastTransitionTime": now}
    crd["status"] = {
        "conditions": [
            {"type": "NamesAccepted", **condition, "reason": "NoConflicts", "message": "no conflicts found"},
            {
                "type": "Established",
                **condition,
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            },
        ],
        "acceptedNames": names,
        "storedVersions": [_storage_version(crd)],
    }
    _put(state, crd)


def _finalize(state: State, crd: Object) -> None:
    """Deletes the instances of a CRD that is going; the CRD goes with the last of them."""
    store = f"{crd['spec']['group']}/{crd['spec']['names']['plural']}"
    resource = state.registry.stores().get(store)
    for stored in list(state.storage.iterate(store)) if resource else []:
        obj = stored.decode()
        metadata = obj["metadata"]
        if metadata.get("finalizers") and metadata.get("deletionTimestamp"):
            continue
        metadata["resourceVersion"] = str(state.storage.next_version())
        metadata.setdefault("deletionTimestamp", meta.stamp(state.now()))
        metadata.setdefault("deletionGracePeriodSeconds", 0)
        assert resource is not None
        if metadata.get("finalizers"):
            state.storage.put(store, obj, resource.fields)
        else:
            state.storage.remove(store, obj, resource.fields)
    finalizers = [name for name in crd["metadata"].get("finalizers") or [] if name != FINALIZER]
    if state.storage.count(store) or finalizers == (crd["metadata"].get("finalizers") or []):
        return
    own = state.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert own is not None
    crd["metadata"]["resourceVersion"] = str(state.storage.next_version())
    crd["metadata"].pop("finalizers")
    if finalizers:
        crd["metadata"]["finalizers"] = finalizers
        state.storage.put(STORE, crd, own.fields)
    else:
        state.storage.remove(STORE, crd, own.fields)
        state.storage.drop_kind(store)


def _serve(state: State) -> None:
    """Makes the registry hold exactly the served versions of the established CRDs."""
    wanted: dict[tuple[str, str, str], tuple[Object, Object]] = {}
    for stored in state.storage.iterate(STORE):
        crd = stored.decode()
        if _condition(crd, "Established"):
            for version in crd["spec"]["versions"]:
                if version.get("served"):
                    wanted[crd["spec"]["group"], version["name"], crd["spec"]["names"]["plural"]] = (crd, version)
    for info in state.registry.all():
        key = (info.group, info.version, info.plural)
        if info.custom is not None and (key not in wanted or info.custom.defined_by != _defined_by(wanted[key][0])):
            state.registry.remove(info)
    for key, (crd, version) in wanted.items():
        if state.registry.find(*key) is None:
            state.registry.add(resource_of(crd, version, state.admission.outside))


def _defined_by(crd: Object) -> tuple[str, int]:
    return crd["metadata"]["uid"], crd["metadata"].get("generation", 0)


def resource_of(crd: Object, version: Object, outside: Outside) -> ResourceInfo:
    """The resource that one version of a CRD brings."""
    spec, names, name = crd["spec"], crd["spec"]["names"], version["name"]
    group, plural, below = spec["group"], names["plural"], version.get("subresources") or {}
    stored = next(item["name"] for item in spec["versions"] if item.get("storage"))
    subresources: dict[str, Subresource] = {}
    if "status" in below:
        subresources["status"] = Subresource("status", names["kind"], group, name, _STATUS_VERBS)
    scale = below.get("scale")
    if scale:
        subresources["scale"] = Subresource("scale", "Scale", "autoscaling", "v1", _STATUS_VERBS)
    paths = tuple((scale or {}).get(key, "") for key in ("specReplicasPath", "statusReplicasPath", "labelSelectorPath"))
    schema = copy.deepcopy((version.get("schema") or {}).get("openAPIV3Schema") or {})
    custom = CustomVersion(
        names.get("listKind") or f"{names['kind']}List",
        schema,
        CustomKind(schema, preserve=bool(spec.get("preserveUnknownFields")), scale_paths=paths),
        Columns(version.get("additionalPrinterColumns") or []),
        (paths[0], paths[1], paths[2]),
        _defined_by(crd),
        Converter(spec["conversion"], outside) if spec["conversion"].get("strategy") == "Webhook" else None,
    )
    return ResourceInfo(
        group,
        name,
        names["kind"],
        plural,
        names.get("singular") or names["kind"].lower(),
        spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=subresources,
        store=f"{group}/{plural}",
        stored_version=stored,
        generation=True,
        selectable=tuple(item["jsonPath"].lstrip(".") for item in version.get("selectableFields") or []),
        custom=custom,
    )
