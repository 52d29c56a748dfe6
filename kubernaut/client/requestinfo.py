"""Tells what a request to the API server asks for: verb, resource, namespace, name, subresource."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from kubernaut.client.frames import decode_head
from kubernaut.client.params import Query
from kubernaut.client.patches import ApplyPatch
from kubernaut.client.transport import TransportRequest

__all__ = ["RequestInfo", "classify"]

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# What comes after a namespace's name and is no resource within it.
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What one request asks for, in the terms of RBAC. ``resource`` is "" for paths such as ``/version``.

    ``verb`` is get, list, watch, create, update, patch, delete or deletecollection, and the HTTP method in lower case
    where there is no resource. The name of a create is that in its body; "" where the server is to make one up.
    """

    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    apply: bool = False
    """A patch that is a server-side apply."""

    def __str__(self) -> str:
        if not self.resource:
            return f"{self.verb} {self.path}"
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        what = f"{resource}/{self.subresource}" if self.subresource else resource
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{'apply' if self.apply else self.verb} {what} {where}".rstrip()


def classify(request: TransportRequest) -> RequestInfo:
    """Read a request's verb and target as kube-apiserver does (apiserver's RequestInfoFactory)."""
    info = _read(request.method, request.path, request.query, _is_apply(request))
    if info.verb == "create" and info.resource and not info.name:
        return replace(info, name=_name_in(request.body))
    return info


# A program asks for the same things again and again.
@lru_cache(maxsize=1024)
def _read(method: str, path: str, query: Query, apply: bool) -> RequestInfo:
    parts = [part for part in path.split("/") if part]
    if "%" in path:
        parts = [unquote(part) for part in parts]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(method.lower(), path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = [*rest, "", ""][:3]
    verb = _verb(method, query, bool(name))
    return RequestInfo(verb, path, group, version, resource, namespace, name, subresource, apply=apply)


def _verb(method: str, query: Query, named: bool) -> str:
    verb = _VERBS.get(method, method.lower())
    if verb == "get":
        watch = dict(query).get("watch", "false").lower()
        if watch not in ("false", "0"):
            return "watch"
        return "get" if named else "list"
    return "deletecollection" if verb == "delete" and not named else verb


def _is_apply(request: TransportRequest) -> bool:
    return request.method == "PATCH" and request.headers.get("content-type") == ApplyPatch.content_type


def _name_in(body: bytes | None) -> str:
    try:
        return decode_head(body or b"").name
    except msgspec.DecodeError:
        return ""
