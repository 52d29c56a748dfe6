"""Reads all objects of a real server at once, for a caller that cannot await."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kubernaut.client import Client, NotFound
from kubernaut.client.transports.kubernetes_asyncio import Target
from kubernaut.fake.controlplane.discovery import deletable_kinds
from kubernaut.resources import ResourceType
from kubernaut.testing.clusters.access import open_to

__all__ = ["dump"]

# Which kinds are listed although `deletable_kinds` leaves them out.
EVENTS = ResourceType("", "v1", "Event", "events", namespaced=True)


def dump(target: Target, after: int) -> list[dict[str, Any]]:
    """What a server holds that was written after a revision, and all CRDs; by kind, then namespace and name.

    Blocks; reads on a loop of its own in a thread, so that it may be called from a coroutine. Raises ApiError.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_read(target, after))).result()


async def _read(target: Target, after: int) -> list[dict[str, Any]]:
    async with Client(await open_to(target)) as client:
        kinds = [*await deletable_kinds(client), EVENTS]
        lists = [await _listed(client, kind) for kind in sorted(kinds, key=lambda kind: kind.plural)]
    found = [obj for items in lists for obj in items]
    return [obj for obj in found if int(obj["metadata"]["resourceVersion"]) > after or _is_definition(obj)]


async def _listed(client: Client, kind: ResourceType) -> list[dict[str, Any]]:
    try:
        answer = json.loads((await client.request("GET", kind.path())).body)
    except NotFound:
        return []
    items: list[dict[str, Any]] = [
        {"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in answer["items"]
    ]
    return sorted(items, key=lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))


def _is_definition(obj: dict[str, Any]) -> bool:
    return bool(obj["kind"] == "CustomResourceDefinition")
