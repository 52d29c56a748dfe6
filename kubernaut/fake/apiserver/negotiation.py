"""What the client accepts: JSON or YAML; whole objects, their metadata, or tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from kubernaut.fake.apiserver import tables
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.messages import Response
from kubernaut.fake.apiserver.status import generic
from kubernaut.fake.apiserver.verbs.read import Page, list_bytes

_NOT_ACCEPTABLE = (
    "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml,"
    " application/vnd.kubernetes.protobuf"
)
_META = "meta.k8s.io/v1"


def encode(obj: Any) -> bytes:
    data: bytes = msgspec.json.encode(obj)
    return data


@dataclass(frozen=True, slots=True)
class Accepted:
    """`shape` is "", "Table", "PartialObjectMetadata" or "PartialObjectMetadataList"."""

    media: str
    shape: str

    @property
    def stream_type(self) -> str:
        return self.media

    def _finish(self, call: Call, status: int, data: bytes) -> Response:
        body = yaml.safe_dump(json.loads(data)).encode() if self.media == "application/yaml" else data
        return Response(status, body, self.media, warnings=call.warnings)

    def render(self, call: Call, data: bytes, *, columns: bool = True) -> bytes:
        """One object, in JSON, as the client wants to see it; a table has its columns only with `columns`."""
        if not self.shape:
            return data
        obj = msgspec.json.decode(data)
        if self.shape == "Table":
            version = obj["metadata"].get("resourceVersion", "")
            return encode(tables.table(call, [obj], version, columns=columns))
        return encode(_partial(obj))

    def frames(self, call: Call) -> Callable[[bytes], bytes]:
        """Renders one object after the other for a watch: only the first table has columns."""
        first = True

        def render(data: bytes) -> bytes:
            nonlocal first
            columns, first = first, False
            return self.render(call, data, columns=columns)

        return render if self.shape == "Table" else lambda data: self.render(call, data)

    def answer(self, call: Call, status: int, data: bytes) -> Response:
        is_status = data.startswith(b'{"kind":"Status"')
        return self._finish(call, status, data if is_status else self.render(call, data))

    def listing(self, call: Call, page: Page) -> Response:
        data = list_bytes(call, page)
        if self.shape:
            listed = msgspec.json.decode(data)
            if self.shape == "Table":
                body = tables.table(call, listed["items"], "")
                body["metadata"] = listed["metadata"]
            else:
                items = [_partial(item) for item in listed["items"]]
                body = {
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": _META,
                    "metadata": listed["metadata"],
                    "items": items,
                }
            data = encode(body)
        return self._finish(call, 200, data)


def _partial(obj: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}


@lru_cache(maxsize=256)
def accepted(header: str) -> Accepted:
    """The first representation in an Accept header that this server has. Raises StatusError 406."""
    if not header:
        return Accepted("application/json", "")
    for choice in header.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        given = dict(part.split("=", 1) for part in parameters if "=" in part)
        shape = given.get("as", "")
        if shape and (given.get("g") != "meta.k8s.io" or given.get("v") != "v1"):
            continue
        if media in ("*/*", "application/*", "application/json", "application/json;stream=watch"):
            return Accepted("application/json", shape)
        if media in ("application/yaml", "text/yaml"):
            return Accepted("application/yaml", shape)
    raise generic(406, "NotAcceptable", _NOT_ACCEPTABLE)
