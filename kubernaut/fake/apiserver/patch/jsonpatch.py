"""JSON patch (RFC 6902) with the wording and limits of the Kubernetes API server."""

from __future__ import annotations

from typing import Any, Final

import jsonpatch
import jsonpointer

from kubernaut.fake.apiserver.patch.errors import PatchError, bad_request, go_quote, unprocessable

MAX_OPERATIONS: Final = 10000
_NEEDS_VALUE: Final = frozenset({"add", "replace", "test"})
_NEEDS_FROM: Final = frozenset({"move", "copy"})
_OPERATIONS: Final = _NEEDS_VALUE | _NEEDS_FROM | {"remove"}


def json_patch(doc: Any, operations: Any) -> Any:
    """The document that applying `operations` to `doc` gives; `doc` is not changed.

    Raises PatchError: 400 when `operations` is no list of operations, 413 when there are more than 10,000, and 422
    when one of them does not fit the document (its `server_message` says which, as the Go library words it).
    """
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise PatchError(413, "RequestEntityTooLarge", message)
    for operation in operations:
        doc = _apply(doc, _checked(operation))
    return doc


def _checked(operation: dict[str, Any]) -> dict[str, Any]:
    name, path = operation.get("op"), operation.get("path")
    if name not in _OPERATIONS:
        raise unprocessable(f"Unexpected kind: {name if isinstance(name, str) else 'unknown'}")
    if not isinstance(path, str):
        raise unprocessable(f"{name} operation failed to decode path: missing path")
    if name in _NEEDS_FROM and not isinstance(operation.get("from"), str):
        raise unprocessable(f"{name} operation failed to decode from: missing from")
    if name in _NEEDS_VALUE and "value" not in operation:
        # The Go library reads an absent value as null.
        return {**operation, "value": None}
    return operation


def _apply(doc: Any, operation: dict[str, Any]) -> Any:
    name, path = operation["op"], operation["path"]
    if name == "test":
        _test(doc, path, operation["value"])
        return doc
    try:
        return jsonpatch.JsonPatch([operation]).apply(doc)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise unprocessable(_wording(name, path, operation.get("from", ""))) from error


def _test(doc: Any, path: str, expected: Any) -> None:
    absent = object()
    try:
        found = jsonpointer.resolve_pointer(doc, path, absent)
    except jsonpointer.JsonPointerException as error:
        raise unprocessable(f"error in test for path: '{path}': missing value") from error
    # An absent member equals null, as in the Go library.
    if found is absent:
        found = None
    if not _same(found, expected):
        raise unprocessable(f"testing value {path} failed: test failed")


def _same(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, but 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def _wording(name: str, path: str, source: str) -> str:
    if name == "remove":
        key = path.rpartition("/")[2]
        return f"error in remove for path: '{path}': Unable to remove nonexistent key: {key}: missing value"
    if name == "add":
        return f"add operation does not apply: doc is missing path: {go_quote(path)}: missing value"
    if name == "replace":
        return f"replace operation does not apply: doc is missing path: {path}: missing value"
    return f"error in {name} for path: '{source}': missing value"
