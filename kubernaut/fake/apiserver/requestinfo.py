"""What a URL asks for: verb, group, version, namespace, resource, name, subresource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Query = Mapping[str, Sequence[str]]
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A parsed path. `resource` is empty for paths that name none (discovery, health)."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: tuple[str, ...] = ()

    @property
    def is_resource(self) -> bool:
        return bool(self.resource)


def truthy(query: Query, name: str) -> bool:
    """Kubernetes' reading of a boolean parameter: present and neither "false" nor "0"."""
    values = query.get(name)
    return bool(values) and values[0].lower() not in ("false", "0") if values else False


def _asked_name(query: Query) -> str:
    """The name that a field selector asks for: a role may allow lists and watches of that name."""
    for term in ",".join(query.get("fieldSelector") or ()).split(","):
        path, _, name = term.partition("=")
        name = name.removeprefix("=")
        if path == "metadata.name" and name not in ("", ".", "..") and not {"/", "%"} & set(name):
            return name
    return ""


def parse(method: str, path: str, query: Query) -> RequestInfo:
    """Parses as kube-apiserver's RequestInfoFactory does; unknown forms become non-resource requests."""
    verb = _VERBS.get(method, method.lower())
    parts = [part for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, parts = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(method.lower(), path)
    if parts[0] == "watch" and len(parts) > 1:
        parts = parts[1:]
        query = {**query, "watch": ["true"]}
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in ("status", "finalize"):
            parts = parts[2:]
    resource, name, subresource, *rest = [*parts, "", ""][: max(3, len(parts))]
    if not name and verb == "get":
        verb = "watch" if truthy(query, "watch") else "list"
        name = _asked_name(query)
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(verb, path, group, version, namespace, resource, name, subresource, tuple(rest))
