"""Server-side apply: an applied configuration merged into the live object, with owners and conflicts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.patch.errors import ApplyConflict, Cause, PatchError, bad_request, internal_error
from kubernaut.fake.apiserver.patch.fieldset import (
    EMPTY,
    FieldSet,
    Path,
    path_text,
    with_named_fields,
    without_prefixes,
)
from kubernaut.fake.apiserver.patch.managedfields import (
    STRIPPED,
    Manager,
    Managers,
    Owned,
    applier,
    bare,
    decode,
    default_reset,
    drop,
    encode,
    timestamp,
    track_update,
)
from kubernaut.fake.apiserver.patch.typed import compare, field_set, merge, remove_items, same, type_errors
from kubernaut.fake.apiserver.patch.types import UNTYPED, Node


def server_side_apply(
    live: dict[str, Any] | None,
    applied: dict[str, Any],
    *,
    manager: str,
    now: datetime,
    schema: Node | None = None,
    force: bool = False,
    subresource: str = "",
    reset: Iterable[Path] | None = None,
    api_version: str | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The object after `manager` applied `applied` over `live` (None: it does not exist), and its managedFields.

    The new object carries the managedFields too; defaulting, validation and server metadata are the caller's. When
    nothing but ownership changes, the object equals `live`. `schema` is builtin_type(...) or crd_type(...); `reset`
    are field paths that this endpoint ignores (default default_reset). The arguments are not changed.

    Raises ApplyConflict (409, a cause for each field of another manager that would change) unless `force`;
    PatchError 422 without a manager, 400 for managedFields in the configuration or a wrong version, 500 when the
    configuration does not fit the type.
    """
    schema = UNTYPED if schema is None else schema
    _check_request(applied, manager, api_version)
    _check_type(applied, schema)
    version = applied["apiVersion"]
    current = {"apiVersion": version, "kind": applied["kind"], "metadata": {}} if live is None else bare(live)
    managers = _managers(live, schema, now)
    me = applier(manager, subresource)
    ignored = tuple(default_reset(subresource) if reset is None else reset)
    config = bare(applied)
    merged = merge(current, config, schema)
    last = managers.get(me)
    own = without_prefixes(field_set(config, schema), ignored)
    managers[me] = Owned(own, version, last.time if last else None)
    pruned = _prune(merged, managers, last.fields if last else EMPTY, schema)
    difference = compare(current, pruned, schema)
    changed = without_prefixes(difference.changed(), ignored)
    removed = without_prefixes(frozenset(difference.removed), ignored)
    if not force:
        _refuse_conflicts(managers, me, changed)
    managers = drop(managers, me, changed | removed)
    noop = live is not None and same(current, pruned)
    if own := own - STRIPPED:
        when = last.time if noop and last else None if noop else timestamp(now)
        managers[me] = Owned(own, version, when)
    else:
        managers.pop(me, None)
    entries = encode(managers)
    metadata = dict(pruned.get("metadata") or {})
    if entries:
        metadata["managedFields"] = entries
    return {**pruned, "metadata": metadata}, entries


def _check_request(applied: dict[str, Any], manager: str, api_version: str | None) -> None:
    if not manager:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        message = f'PatchOptions.meta.k8s.io "" is invalid: {cause.sentence()}'
        details = {"group": "meta.k8s.io", "kind": "PatchOptions"}
        raise PatchError(422, "Invalid", message, (cause,), details=details)
    version = applied.get("apiVersion", "")
    if api_version is not None and version != api_version:
        raise bad_request(
            f"Incorrect version specified in apply patch. Specified patch version: {version}, expected: {api_version}"
        )
    if (applied.get("metadata") or {}).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")


def _check_type(applied: dict[str, Any], schema: Node) -> None:
    errors = type_errors(applied, schema)
    if not errors:
        return
    metadata = applied.get("metadata") or {}
    group, _, version = applied["apiVersion"].rpartition("/")
    gvk = f"{group}/{version}, Kind={applied['kind']}"
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    text = errors[0] if len(errors) == 1 else "\n".join(["errors:", *(f"  {error}" for error in errors)])
    raise internal_error(f"failed to create typed patch object ({name}; {gvk}): {text}")


def _managers(live: dict[str, Any] | None, schema: Node, now: datetime) -> Managers:
    """The managers of the live object; one that nobody tracked belongs to `before-first-apply`."""
    if live is None:
        return {}
    entries = (live.get("metadata") or {}).get("managedFields")
    if not entries:
        entries = track_update(None, bare(live), "before-first-apply", now=now, schema=schema, reset=())
    return decode(entries)


def _prune(merged: dict[str, Any], managers: Managers, last: FieldSet, schema: Node) -> dict[str, Any]:
    """`merged` less what the manager applied last time and does not now, unless somebody else owns it."""
    if not last:
        return merged

    def owned(paths: FieldSet) -> FieldSet:
        return with_named_fields(paths, schema)

    last = owned(last)
    pruned = remove_items(merged, last, schema)
    everything = owned(field_set(merged, schema))
    all_owned = owned(frozenset(path for entry in managers.values() for path in entry.fields))
    pruned = remove_items(merged, everything - (owned(field_set(pruned, schema)) | all_owned), schema)
    # Items that only lost their last owner's fields but were never listed by him stay.
    gone = (everything - owned(field_set(pruned, schema))) & last
    result: dict[str, Any] = remove_items(merged, gone, schema)
    return result


def _refuse_conflicts(managers: Managers, me: Manager, changed: FieldSet) -> None:
    conflicts = [
        (_printed(manager), path)
        for manager, owned in sorted(managers.items(), key=lambda item: _printed(item[0]))
        if manager != me
        for path in sorted(owned.fields & changed)
    ]
    if not conflicts:
        return
    causes = [Cause("FieldManagerConflict", f"conflict with {who}", path_text(path)) for who, path in conflicts]
    if len(conflicts) == 1:
        who, path = conflicts[0]
        raise ApplyConflict(causes, f"Apply failed with 1 conflict: conflict with {who}: {path_text(path)}")
    lines = []
    for who in dict.fromkeys(who for who, _ in conflicts):
        lines.append(f"conflicts with {who}:")
        lines += [f"- {path_text(path)}" for other, path in conflicts if other == who]
    raise ApplyConflict(causes, f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines))


def _printed(manager: Manager) -> str:
    text = json.dumps(manager.name, ensure_ascii=False)
    if manager.subresource:
        text += f" with subresource {json.dumps(manager.subresource)}"
    return f"{text} using {manager.api_version}" if manager.operation == "Update" else text
