"""Discovery: legacy documents, the aggregated form, versions, health."""

from __future__ import annotations

import re
from hashlib import sha512
from typing import Any

from kubernaut.fake.apiserver import openapi
from kubernaut.fake.apiserver.messages import Request, Response, json_response, text_response
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo, Subresource
from kubernaut.fake.apiserver.version import VERSION

Object = dict[str, Any]
_HEALTH = ("/healthz", "/livez", "/readyz")
_DISCOVERY_GROUP = "apidiscovery.k8s.io"
_STABLE = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
# custom resources list their verbs in this order
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_VERB_ORDER = ("get", "patch", "update")


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sorts as Kubernetes prefers versions: v2, v1, v1beta2, v1alpha1, then the rest by name."""
    found = _STABLE.fullmatch(version)
    if not found:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0), version)


def groups(registry: Registry) -> dict[str, list[str]]:
    """The served versions of every group, the preferred one first; the core group is ""."""
    found: dict[str, set[str]] = {}
    for info in registry.all():
        found.setdefault(info.group, set()).add(info.version)
    return {group: sorted(versions, key=version_rank) for group, versions in found.items()}


def _group(name: str, versions: list[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _entry(info: ResourceInfo) -> Object:
    verbs = CUSTOM_VERBS if info.custom is not None else info.verbs
    entry: Object = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": list(verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    return entry


def _sub_entry(info: ResourceInfo, sub: Subresource) -> Object:
    name = f"{info.plural}/{sub.name}"
    entry: Object = {
        "name": name,
        "singularName": "",
        "namespaced": info.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    if (sub.group, sub.version) != (info.group, info.version):
        entry["group"], entry["version"] = sub.group, sub.version
    return entry


def resource_list(registry: Registry, group: str, version: str) -> Object | None:
    """The APIResourceList of a group version; None if it is not served."""
    infos = [info for info in registry.in_group(group) if info.version == version]
    if not infos:
        return None
    entries: list[Object] = []
    for info in infos:
        subs = [_sub_entry(info, sub) for sub in info.subresources.values()]
        entries.extend([_entry(info), *subs])
    if infos[0].custom is None:
        entries.sort(key=lambda entry: entry["name"])
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _aggregated_resource(info: ResourceInfo) -> Object:
    entry: Object = {
        "resource": info.plural,
        "responseKind": {"group": info.group, "version": info.version, "kind": info.kind},
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    if info.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
                "verbs": list(sub.verbs),
            }
            for sub in info.subresources.values()
        ]
    return entry


def _aggregated(registry: Registry, core: bool, version: str) -> Object:
    items = []
    for group, versions in groups(registry).items():
        if (group == "") is not core:
            continue
        listed = []
        for served in versions:
            resources = [_aggregated_resource(info) for info in registry.in_group(group) if info.version == served]
            listed.append({"version": served, "resources": resources, "freshness": "Current"})
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    api_version = f"{_DISCOVERY_GROUP}/{version}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _aggregated_version(accept: str) -> str:
    """The version of the aggregated form that the client takes first; empty if it would rather have the old form."""
    for choice in accept.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        if media not in ("application/json", "*/*", "application/*"):
            continue
        given = dict(part.split("=", 1) for part in parameters if "=" in part)
        if not given.get("as"):
            return ""
        if given["as"] == "APIGroupDiscoveryList" and given.get("g") == _DISCOVERY_GROUP:
            version = given.get("v", "")
            if version in ("v2", "v2beta1"):
                return version
    return ""


def _aggregated_answer(registry: Registry, request: Request, core: bool, version: str) -> Response:
    response = json_response(200, _aggregated(registry, core, version))
    response.content_type = f"application/json;g={_DISCOVERY_GROUP};v={version};as=APIGroupDiscoveryList"
    etag = f'"{sha512(response.body).hexdigest().upper()}"'
    if request.headers.get("if-none-match") == etag:
        response.status, response.body = 304, b""
    response.headers |= {"Etag": etag, "Vary": "Accept", "Cache-Control": "public"}
    return response


def not_found() -> Response:
    return text_response(404, "404 page not found\n")


def answer(registry: Registry, request: Request) -> Response:
    """Answers every path that is no resource."""
    parts = [part for part in request.path.split("/") if part]
    if request.path.rstrip("/") in _HEALTH or (parts and f"/{parts[0]}" in _HEALTH):
        return text_response(200, "ok")
    match parts:
        case ["version"]:
            return json_response(200, VERSION)
        case ["api"] | ["apis"] if version := _aggregated_version(request.headers.get("accept", "")):
            return _aggregated_answer(registry, request, parts == ["api"], version)
        case ["openapi", *_]:
            return openapi.answer(registry, request) or not_found()
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443"}]
            return json_response(
                200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
            )
        case ["api", version]:
            return _document(resource_list(registry, "", version))
        case ["apis"]:
            listed = [_group(name, versions) for name, versions in groups(registry).items() if name]
            return json_response(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
        case ["apis", group]:
            versions = groups(registry).get(group)
            return _document({"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)} if versions else None)
        case ["apis", group, version]:
            return _document(resource_list(registry, group, version))
        case []:
            paths = [
                "/api",
                "/api/v1",
                "/apis",
                *(f"/apis/{name}" for name in groups(registry) if name),
                *_HEALTH,
                "/openapi/v2",
                "/openapi/v3",
                "/version",
            ]
            return json_response(200, {"paths": paths})
    return not_found()


def _document(body: Object | None) -> Response:
    return not_found() if body is None else json_response(200, body)
