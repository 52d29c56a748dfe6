"""Field ownership of writes: the bridge to the pure functions of `patch`."""

from __future__ import annotations

from typing import Any

import msgspec

from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.patch.managedfields import timestamp, track_update
from kubernaut.fake.apiserver.patch.types import Node, builtin_type, crd_type


def type_of(call: Call) -> Node | None:
    """How the values of the call's resource merge; None for what is not known."""
    custom = call.resource.custom
    if custom is not None:
        if custom.merge_type is None:
            custom.merge_type = crd_type(custom.schema)
        node: Node = custom.merge_type
        return node
    return builtin_type(call.resource.api_version, call.resource.kind)


def reset_paths(call: Call, subresource: str) -> tuple[tuple[str, ...], ...] | None:
    """Paths not tracked here; None for the usual ones. Kinds without a status subresource track everything."""
    return None if subresource or call.resource.status_subresource else ()


def track(call: Call, old: dict[str, Any] | None, new: dict[str, Any], manager: str, subresource: str = "") -> None:
    """Records in `new` which fields this write changed."""
    key = _key(call, old, new, manager, subresource)
    known = call.state.tracked.get(key)
    if known is not None:
        entries = msgspec.json.decode(known)
    else:
        entries = _entries(call, old, new, manager, subresource)
        call.state.tracked.remember(key, msgspec.json.encode(entries))
    if entries:
        new["metadata"]["managedFields"] = entries
    else:
        new["metadata"].pop("managedFields", None)


def _entries(
    call: Call, old: dict[str, Any] | None, new: dict[str, Any], manager: str, subresource: str
) -> list[dict[str, Any]]:
    try:
        entries = track_update(
            old,
            new,
            manager,
            now=call.state.now(),
            schema=type_of(call),
            subresource=subresource,
            reset=reset_paths(call, subresource),
            api_version=call.resource.api_version,
        )
    except ValueError:
        # lists whose items lack their keys: as on the server, the write goes on with the ownership there was
        entries = ((old or {}).get("metadata") or {}).get("managedFields") or []
    for entry in entries:
        if entry.get("subresource") == "scale":
            entry.pop("time", None)  # the server has none for what came through scale
    return entries


def _key(call: Call, old: dict[str, Any] | None, new: dict[str, Any], manager: str, subresource: str) -> Any:
    """Everything that ownership follows from; versions are nobody's."""
    resource = call.resource
    defined = resource.custom.defined_by if resource.custom is not None else None
    sides = (None if old is None else _unversioned(old), _unversioned(new))
    return (resource.store, resource.version, defined, manager, subresource, timestamp(call.state.now()), *sides)


def _unversioned(obj: dict[str, Any]) -> bytes:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "resourceVersion"}
    return msgspec.json.encode({**obj, "metadata": metadata})
