"""From a parsed request on a resource to the verb that serves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubernaut.fake.apiserver import conversion, negotiation
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.messages import Response, Stream
from kubernaut.fake.apiserver.reviews import REVIEWS
from kubernaut.fake.apiserver.status import StatusError, method_not_allowed, not_found, unknown_resource
from kubernaut.fake.apiserver.subresources import SUBRESOURCES
from kubernaut.fake.apiserver.verbs import delete, patching, read, write
from kubernaut.fake.apiserver.watch import Watch

_WRITES: dict[str, Callable[[Call], tuple[int, dict[str, Any]]]] = {
    "create": write.create,
    "update": write.update,
    "patch": patching.patch,
    "delete": delete.delete,
    "deletecollection": delete.delete_collection,
}


def serve(call: Call) -> Response | Stream:
    """Answers one request on a resource. Raises StatusError."""
    info, resource = call.info, call.resource
    accept = negotiation.accepted(call.request.headers.get("accept", ""))
    if info.subresource == "status" and resource.status_subresource and info.verb not in ("get", "update", "patch"):
        raise method_not_allowed()
    if info.subresource and (info.subresource != "status" or info.verb not in ("get", "update", "patch")):
        return _subresource(call, accept)
    if info.subresource and not resource.status_subresource:
        raise _no_subresource(call)
    if info.namespace and not resource.namespaced and resource.store != "namespaces":
        raise unknown_resource()
    if info.verb in ("update", "patch") and not info.name:
        raise method_not_allowed()
    if info.verb not in resource.verbs or (
        resource.namespaced and not info.namespace and info.verb not in ("list", "watch")
    ):
        raise method_not_allowed()
    if info.verb == "create" and resource.store in REVIEWS:
        return _answer(call, accept, *REVIEWS[resource.store](call))
    if info.verb == "create" and info.name:
        raise method_not_allowed()
    match info.verb:
        case "watch":
            return Stream(Watch(call, accept.frames(call)).frames(), accept.stream_type)
        case "list":
            return accept.listing(call, read.list_page(call))
        case "get":
            return accept.answer(call, 200, conversion.read_bytes(read.get(call), resource))
    return _answer(call, accept, *_WRITES[info.verb](call))


def _answer(call: Call, accept: negotiation.Accepted, status: int, obj: dict[str, Any]) -> Response:
    return accept.answer(call, status, negotiation.encode(obj))


def _no_subresource(call: Call) -> StatusError:
    """Custom resources are asked for by name first; built-in ones have no such route."""
    resource = call.resource
    if resource.custom is None:
        return unknown_resource()
    return not_found(resource.group, resource.plural, call.info.name)


def _subresource(call: Call, accept: negotiation.Accepted) -> Response | Stream:
    known = call.resource.subresources.get(call.info.subresource)
    serve_it = SUBRESOURCES.get(call.info.subresource)
    if known is None or serve_it is None or not call.info.name:
        raise _no_subresource(call)
    if call.info.verb not in known.verbs:
        raise method_not_allowed()
    result = serve_it(call)
    return result if isinstance(result, Response | Stream) else _answer(call, accept, *result)
