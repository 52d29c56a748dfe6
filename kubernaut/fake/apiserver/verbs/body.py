"""From a request's body to an object that fits the resource it was sent to."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from kubernaut.fake.apiserver import decoding, managed, typed
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.patch.types import METADATA, Node
from kubernaut.fake.apiserver.status import StatusError, bad_request, invalid, invalid_value

_INTERNAL = {"": "core", "rbac.authorization.k8s.io": "rbac"}


def read_object(call: Call, validation: str) -> dict[str, Any]:
    """The object in the body, with kind and apiVersion filled in. Raises StatusError."""
    request, resource = call.request, call.resource
    content_type = request.headers.get("content-type", "")
    defined = resource.custom.defined_by if resource.custom is not None else None
    key = (resource.api_version, resource.kind, defined, content_type, validation, request.body)
    known = call.state.bodies.get(key)
    if known is not None:
        call.warnings += [warning for warning in known[1] if warning not in call.warnings]
        read: dict[str, Any] = msgspec.json.decode(known[0])
        return read
    warnings = len(call.warnings)
    obj = decoding.decode_object(request.body, content_type, resource.kind)
    check_type(call, obj)
    fit(call, obj, validation)
    if validation != "Ignore":
        twice = [f'duplicate field "{path}"' for path in decoding.duplicates(request.body)]
        report(call, obj, twice, validation)
    call.state.bodies.remember(key, (msgspec.json.encode(obj), call.warnings[warnings:]))
    return obj


def fit(call: Call, obj: dict[str, Any], validation: str) -> None:
    """Drops the fields that the kind does not have, as `validation` says. Raises StatusError 400."""
    resource = call.resource
    if resource.custom is not None:
        # Of these the schema says nothing of the metadata.
        _drop_unknown(call, copy.deepcopy(obj["metadata"]), METADATA, "ObjectMeta")
        call.kind.read(obj, call.warnings, validation)
        return
    node = managed.type_of(call)
    if node is None:
        return
    unknown = _drop_unknown(call, obj, node, resource.kind)
    report(call, obj, [f'unknown field "{path}"' for path in unknown], validation)


def _drop_unknown(call: Call, value: dict[str, Any], node: Node, shown: str) -> list[str]:
    kind, version = call.resource.kind, call.resource.version
    try:
        return typed.drop_unknown(value, node, shown)
    except typed.WrongType as error:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}') from error


def check_type(call: Call, obj: dict[str, Any]) -> None:
    """Fills in kind and apiVersion, or refuses those of something else."""
    resource = call.resource
    version, kind = obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind
    if kind != resource.kind:
        if resource.custom is None:
            own, other = (
                _go_type(api_version, name)
                for api_version, name in ((resource.api_version, resource.kind), (version, kind))
            )
            internal = own.partition(".")[2]
            group = _INTERNAL.get(resource.group, resource.group.partition(".")[0])
            text = f"converting ({other}) to ({group}.{internal}): unknown conversion"
            raise bad_request(
                f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: {text}'
            )
        cause = invalid_value("kind", f'"{kind}"', f"must be {resource.kind}")
        raise invalid(resource.group, kind, str((obj.get("metadata") or {}).get("name", "")), [cause])
    if version != resource.api_version:
        call.warnings.extend(
            f'unknown field "{name}"' for name in obj if resource.custom is not None and name not in _KNOWN
        )
        text = (
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
        raise bad_request(text)
    obj["apiVersion"], obj["kind"] = version, kind
    meta = obj.get("metadata")
    if meta is None:
        obj["metadata"] = {}
    elif not isinstance(meta, dict):
        raise bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {kind}: metadata is no object'
        )

    _without_nulls(obj["metadata"])


def _without_nulls(metadata: dict[str, Any]) -> None:
    """A null among strings reads as an empty string."""
    for name in ("labels", "annotations"):
        values = metadata.get(name)
        if isinstance(values, dict) and None in values.values():
            metadata[name] = {key: "" if value is None else value for key, value in values.items()}


_KNOWN = ("apiVersion", "kind", "metadata")


def _go_type(api_version: str, kind: str) -> str:
    return f"{api_version.rpartition('/')[2]}.{kind}"


def report(call: Call, obj: Mapping[str, Any], problems: list[str], validation: str) -> None:
    """Refuses (Strict) or warns of (Warn) fields that are unknown or given twice."""
    if not problems:
        return
    if validation == "Strict":
        raise strict_error(call, problems)
    if validation == "Warn":
        call.warnings.extend(problem for problem in problems if problem not in call.warnings)


def strict_error(call: Call, problems: list[str]) -> StatusError:
    resource = call.resource
    text = f"strict decoding error: {', '.join(problems)}"
    if resource.custom is not None:
        return bad_request(text)
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {text}'
    )


def check_place(call: Call, obj: dict[str, Any]) -> None:
    """The namespace of the body must be that of the path; absent it is filled in."""
    meta = obj["metadata"]
    if not call.resource.namespaced:
        meta.pop("namespace", None)
        return
    if meta.get("namespace") and meta["namespace"] != call.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    meta["namespace"] = call.namespace
