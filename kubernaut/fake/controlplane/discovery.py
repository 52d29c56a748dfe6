"""Which kinds the server serves that can be listed, watched and deleted."""

from __future__ import annotations

import json
from typing import Any

from kubernaut.client import ApiError, Client
from kubernaut.resources import ResourceType

_NEEDED = {"list", "watch", "delete"}
_SILENT = {"events", "events.events.k8s.io"}
"""Events own nothing and are owned by nothing."""


async def deletable_kinds(client: Client) -> list[ResourceType]:
    """One ResourceType for each resource, in its preferred version, in the server's order. Raises ApiError."""
    found: dict[str, ResourceType] = {}
    for path, group, version in await _group_versions(client):
        try:
            entries = (await _get(client, path)).get("resources") or []
        except ApiError as error:
            if error.code == 404:
                continue
            raise
        for entry in entries:
            if "/" in entry["name"] or not set(entry.get("verbs") or ()) >= _NEEDED:
                continue
            rt = ResourceType(group, version, entry["kind"], entry["name"], namespaced=bool(entry.get("namespaced")))
            if rt.group_resource not in _SILENT:
                found.setdefault(rt.group_resource, rt)
    return list(found.values())


async def _group_versions(client: Client) -> list[tuple[str, str, str]]:
    found = [("/api/v1", "", "v1")]
    for group in (await _get(client, "/apis")).get("groups") or []:
        preferred = group.get("preferredVersion") or group["versions"][0]
        found.append((f"/apis/{preferred['groupVersion']}", group["name"], preferred["version"]))
    return found


async def _get(client: Client, path: str) -> dict[str, Any]:
    body = json.loads((await client.request("GET", path)).body)
    return body if isinstance(body, dict) else {}
