"""patch: the four patch types on an object or its status."""

from __future__ import annotations

import json
from typing import Any

from kubernaut.fake.apiserver import conversion, decoding, managed
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import WriteOptions, write_options
from kubernaut.fake.apiserver.patch import PatchError, json_patch, merge_patch
from kubernaut.fake.apiserver.patch.copying import copied
from kubernaut.fake.apiserver.patch.strategic import strategic_merge
from kubernaut.fake.apiserver.patch.types import UNTYPED
from kubernaut.fake.apiserver.status import Cause, StatusError, bad_request, invalid, invalid_value, not_found
from kubernaut.fake.apiserver.verbs import apply
from kubernaut.fake.apiserver.verbs.apply import from_patch_error
from kubernaut.fake.apiserver.verbs.body import check_place, fit
from kubernaut.fake.apiserver.verbs.commit import check_version, commit_update

Object = dict[str, Any]
JSON_PATCH, MERGE, STRATEGIC = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


def patch(call: Call) -> tuple[int, Object]:
    """PATCH of an object or a subresource that is part of it: (200 or 201, the object)."""
    media = decoding.media_type(call.request.headers.get("content-type", ""))
    known = (JSON_PATCH, MERGE, *APPLY, *((STRATEGIC,) if call.kind.strategic else ()))
    if media not in known:
        # a media type that is known elsewhere is refused by the resource, others before it
        raise decoding.unsupported_media_type((JSON_PATCH, MERGE, APPLY[0]) if media == STRATEGIC else ())
    options = write_options(call.request, "PatchOptions")
    stored, resource = call.stored(), call.resource
    if media in APPLY:
        return apply.apply(call, None if stored is None else conversion.read(stored, resource))
    if stored is None:
        raise not_found(resource.group, resource.plural, call.info.name)
    old = conversion.read(stored, resource)
    new = patched(call, old, media)
    return 200, commit_patch(call, old, new, options)


def commit_patch(call: Call, old: Object, new: Object, options: WriteOptions) -> Object:
    name = new["metadata"].get("name")
    if name != call.info.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.info.name})")
    check_place(call, new)
    try:
        fit(call, new, options.validation)
    except StatusError as error:
        # the object was readable before: it is the patch that is at fault
        cause = Cause("FieldValueInvalid", f"Invalid value: {_shown(call)}: {error.message}", "patch")
        raise invalid("", "", "", [cause]) from error
    seen = {"resourceVersion": new["metadata"].get("resourceVersion")}
    check_version(call, old, {"metadata": seen}, required_version=False)
    if (uid := new["metadata"].get("uid")) != old["metadata"]["uid"]:
        # found by the generic checks and by the kind's own
        cause = invalid_value("metadata.uid", f'"{uid or ""}"', "field is immutable")
        raise invalid(call.resource.group, call.resource.kind, call.info.name, [cause, cause])
    return commit_update(call, old, new, options, subresource=call.info.subresource)


def _shown(call: Call) -> str:
    return json.dumps(call.request.body.decode(errors="replace"))


def patched(call: Call, old: Object, media: str) -> Object:
    """`old` with the body's patch on it. Raises StatusError."""
    try:
        value = decoding.decode_value(call.request.body, media)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    try:
        result = apply_to(call, old, value, media)
    except PatchError as error:
        raise from_patch_error(error) from error
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise bad_request("the patch leaves no object")
    return result


def apply_to(call: Call, doc: Object, value: Any, media: str) -> Any:
    """One patch on one document; what it makes of it shares nothing with it. Raises PatchError."""
    if media == JSON_PATCH:
        return json_patch(copied(doc), value)
    if media == STRATEGIC:
        return strategic_merge(doc, value, managed.type_of(call) or UNTYPED)
    return merge_patch(doc, value)
