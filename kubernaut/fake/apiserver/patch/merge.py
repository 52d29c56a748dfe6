"""JSON merge patch (RFC 7386) on plain values."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver.patch.copying import copied
from kubernaut.fake.apiserver.patch.errors import bad_request


def merge_patch(doc: Any, patch: Any) -> Any:
    """The document that merge-patching `doc` with `patch` gives; neither is changed.

    A null in the patch removes the member, maps merge, everything else replaces. Nulls inside newly added maps are
    dropped too, as the RFC says; nulls inside lists stay.
    """
    if not isinstance(patch, dict):
        return copied(patch)
    merged = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return {key: value if key in patch else copied(value) for key, value in merged.items()}


def merge_patch_object(doc: dict[str, Any], patch: Any) -> dict[str, Any]:
    """`merge_patch` for API objects: raises PatchError (400) when the patch is not a map, as the server does."""
    if not isinstance(patch, dict):
        kind = _go_kind(patch)
        raise bad_request(f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    result: dict[str, Any] = merge_patch(doc, patch)
    return result


def _go_kind(value: Any) -> str:
    """How Go's json package names the kind of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "null"
