"""The envelope around each object: four magic bytes, the type, the message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from kubernaut.fake.apiserver.messages import Request
from kubernaut.fake.apiserver.protobuf.decode import decode
from kubernaut.fake.apiserver.protobuf.types import type_name
from kubernaut.fake.apiserver.protobuf.wire import Malformed, fields
from kubernaut.fake.apiserver.status import StatusError, bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_TYPE, _RAW, _CONTENT_TYPE = 1, 2, 4
_JSON = "application/json"


def as_json(request: Request) -> Request:
    """The same request with a JSON body, if its body is protobuf.

    Raises StatusError: 400 for a body that cannot be read, 415 for kinds that have no protobuf form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE or not request.body:
        return request
    try:
        body = _body(request.body)
    except (Malformed, ValueError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error
    return replace(request, body=body, headers={**request.headers, "content-type": _JSON})


def _body(data: bytes) -> bytes:
    if not data.startswith(_MAGIC):
        raise Malformed("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = content_type = ""
    raw = b""
    for number, value in fields(data[len(_MAGIC) :]):
        if not isinstance(value, bytes):
            raise Malformed("wrong wireType")
        if number == _TYPE:
            named = {below: part for below, part in fields(value) if isinstance(part, bytes)}
            api_version, kind = named.get(1, b"").decode(), named.get(2, b"").decode()
        elif number == _RAW:
            raw = value
        elif number == _CONTENT_TYPE:
            content_type = value.decode()
    if content_type == _JSON:
        return raw
    name = type_name(api_version, kind)
    if name is None:
        text = "the body of the request was in an unknown format - accepted media types include: "
        raise StatusError(415, "UnsupportedMediaType", f"{text}application/json, application/yaml")
    obj: dict[str, Any] = {"kind": kind, "apiVersion": api_version, **decode(raw, name)}
    body: bytes = msgspec.json.encode(obj)
    return body
