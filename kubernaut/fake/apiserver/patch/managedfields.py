"""Who owns which field: metadata.managedFields read, written, and kept up by writes other than apply."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from kubernaut.fake.apiserver.patch.fieldset import (
    EMPTY,
    FieldSet,
    Path,
    from_fields_v1,
    to_fields_v1,
    without_prefixes,
)
from kubernaut.fake.apiserver.patch.typed import compare
from kubernaut.fake.apiserver.patch.types import UNTYPED, Node, empty_value

MAX_UPDATE_MANAGERS: Final = 10
_SERVER_METADATA: Final = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
# Fields nobody owns: the server sets them or they identify the object.
STRIPPED: Final[FieldSet] = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in _SERVER_METADATA)]
)


@dataclass(frozen=True, slots=True)
class Manager:
    """What tells owners apart; `api_version` only counts for updates."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Owned:
    """One entry of managedFields: the fields, the version they were written in, and when."""

    fields: FieldSet
    api_version: str
    time: str | None = None


Managers = dict[Manager, Owned]


def applier(name: str, subresource: str = "") -> Manager:
    """The identity of a manager that applies."""
    return Manager(name, "Apply", "", subresource)


def decode(entries: Iterable[Mapping[str, Any]] | None) -> Managers:
    """The managers of a metadata.managedFields list."""
    managers: Managers = {}
    for entry in entries or ():
        operation = entry.get("operation", "")
        version = entry.get("apiVersion", "")
        counted = "" if operation == "Apply" else version
        manager = Manager(entry.get("manager", ""), operation, counted, entry.get("subresource", ""))
        managers[manager] = Owned(from_fields_v1(entry.get("fieldsV1") or {}), version, entry.get("time"))
    return managers


def encode(managers: Managers) -> list[dict[str, Any]]:
    """The managedFields list of the managers, in the server's order."""

    def order(item: tuple[Manager, Owned]) -> tuple[str, str, str, str, str]:
        manager, owned = item
        return manager.operation, owned.time or "", manager.name, owned.api_version, manager.subresource

    entries = []
    for manager, owned in sorted(managers.items(), key=order):
        entry: dict[str, Any] = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": owned.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned.fields),
            "subresource": manager.subresource,
        }
        entries.append({key: value for key, value in entry.items() if value not in (None, "")})
    return entries


def timestamp(now: datetime) -> str:
    """`now` (aware) as managedFields writes times."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def default_reset(subresource: str) -> tuple[Path, ...]:
    """The fields a write through this endpoint never changes, for kinds that have a status subresource."""
    if subresource == "status":
        return (("f:spec",), ("f:metadata", "f:labels"))
    return (("f:status",),) if not subresource else ()


def drop(managers: Managers, keep: Manager | None, lost: FieldSet) -> Managers:
    """The managers without the fields `lost`, those that own nothing left out; `keep` is not touched."""
    left: Managers = {}
    for manager, owned in managers.items():
        if manager == keep:
            left[manager] = owned
        elif remaining := owned.fields - lost:
            left[manager] = replace(owned, fields=remaining)
    return left


def track_update(
    old: dict[str, Any] | None,
    new: dict[str, Any],
    manager: str,
    *,
    now: datetime,
    schema: Node | None = None,
    subresource: str = "",
    reset: Iterable[Path] | None = None,
    api_version: str | None = None,
) -> list[dict[str, Any]]:
    """The managedFields of `new` after `manager` wrote it over `old` (None: it was created) with anything but apply.

    What changed becomes the manager's (operation Update) and is taken from everybody else; what is gone is nobody's.
    `schema` is builtin_type(...) or crd_type(...); `reset` are field paths not tracked through this endpoint (default
    default_reset); pass () for kinds without a status subresource. managedFields in `new` replace the old ones, as on
    the server: an empty list gives up all tracking. The objects are not changed.
    """
    schema = UNTYPED if schema is None else schema
    version = api_version or new.get("apiVersion", "")
    sent = (new.get("metadata") or {}).get("managedFields")
    stored = ((old or {}).get("metadata") or {}).get("managedFields")
    if not subresource and sent is not None and sent in ([], [{}]):
        return []
    managers = decode(stored if subresource or not sent else sent)
    if old is not None and not managers:
        return []
    before = bare(old) if old is not None else _unwritten(schema, new)
    difference = compare(before, bare(new), schema)
    ignored = tuple(default_reset(subresource) if reset is None else reset)
    changed = without_prefixes(difference.changed(), ignored)
    removed = without_prefixes(frozenset(difference.removed), ignored)
    managers = drop(managers, None, changed | removed)
    if own := changed - removed - STRIPPED:
        me = Manager(manager or "unknown", "Update", version, subresource)
        previous = managers[me].fields if me in managers else EMPTY
        managers[me] = Owned(own | previous, version, timestamp(now))
    return encode(_capped(managers))


def _unwritten(schema: Node, new: dict[str, Any]) -> dict[str, Any]:
    """What a new object is compared with: built-in kinds have embedded structs before anything is written."""
    empty = empty_value(schema) if "$ref" in schema else {}
    return {key: value for key, value in empty.items() if key in new} | {"metadata": {}}


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    """`obj` without managedFields, which are not compared."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _capped(managers: Managers) -> Managers:
    """At most ten updaters: the oldest of a version are merged into `ancient-changes`."""
    updaters = sorted(
        (manager for manager in managers if manager.operation == "Update"),
        key=lambda manager: (managers[manager].time or "", manager.name, manager.subresource),
    )
    excess = len(updaters) - MAX_UPDATE_MANAGERS
    if excess <= 0:
        return managers
    result = copy.copy(managers)
    first: dict[str, Manager] = {}
    for manager in updaters:
        if excess <= 0:
            break
        owned = managers[manager]
        bucket = Manager("ancient-changes", "Update", owned.api_version)
        if manager == bucket:
            first[owned.api_version] = bucket
        elif owned.api_version not in first:
            first[owned.api_version] = manager
        else:
            base = result.pop(bucket, None) or result.pop(first[owned.api_version])
            result[bucket] = Owned(base.fields | owned.fields, owned.api_version, owned.time)
            del result[manager]
            excess -= 1
    return result
