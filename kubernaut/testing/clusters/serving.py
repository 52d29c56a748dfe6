"""What a real server serves: found by discovery, awaited after a CRD was created or removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.client import ApiError, Client, NotFound
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition

__all__ = ["Discovered", "Resource", "install", "served", "withdrawn"]

Document = Mapping[str, Any]
POLL = 0.02
SECONDS = 30.0
REFUSED = ("NamesAccepted", "False")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a server."""

    plural: str
    namespaced: bool


class Discovered:
    """What `load` asks about kinds, answered by a server's discovery."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, dict[str, Resource]] = {}

    async def find(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind; None if the server has none. Raises ApiError."""
        known = self._known.get(api_version)
        if known is None:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            known = self._known[api_version] = await _resources(self._client, path)
        return known.get(kind)

    async def defined(self, definition: Document) -> None:
        """Wait until the kind of a new CRD is served."""
        self._known.clear()
        await served(self._client, definition)


async def install(client: Client, definition: Document) -> None:
    """Create a CRD and wait until its kind is served. Raises ApiError, TimeoutError."""
    await client.create(CustomResourceDefinition.from_dict(dict(definition)))
    await served(client, definition)


async def served(client: Client, definition: Document) -> None:
    """Wait until the kind of a CRD is in discovery and can be listed. Raises TimeoutError, which says why."""
    name = definition["metadata"]["name"]

    async def wanting() -> str | None:
        crd = await client.get(CustomResourceDefinition, name)
        conditions = {condition.type: condition for condition in crd.status.conditions}
        refused = conditions.get(REFUSED[0])
        if refused is not None and refused.status == REFUSED[1]:
            return f"its names are taken: {refused.message}"
        if (established := conditions.get("Established")) is None or established.status != "True":
            return "it is not Established"
        group = definition["spec"]["group"]
        if group not in await _groups(client):
            return f"group {group} is not in discovery"
        for version in (each["name"] for each in definition["spec"]["versions"] if each["served"]):
            path = f"/apis/{group}/{version}"
            if definition["spec"]["names"]["kind"] not in await _resources(client, path):
                return f"{path} does not list it"
            await client.request("GET", f"{path}/{definition['spec']['names']['plural']}", query=(("limit", "1"),))
        return None

    await _until(f"CRD {name}", wanting)


async def withdrawn(client: Client, group: str, plural: str) -> None:
    """Wait until a kind whose CRD is gone is not served any more. Raises TimeoutError."""

    async def wanting() -> str | None:
        for version in (await _groups(client)).get(group, ()):
            listed = await _plurals(client, f"/apis/{group}/{version}")
            if plural in listed:
                return f"/apis/{group}/{version} still lists it"
            if not listed:
                return f"/apis/{group}/{version} is still in discovery"
        return None

    await _until(f"{plural}.{group}, whose CRD is gone", wanting)


async def _until(what: str, wanting: Callable[[], Awaitable[str | None]]) -> None:
    loop = asyncio.get_running_loop()
    end, missing = loop.time() + SECONDS, ""
    while loop.time() < end:
        try:
            found = await wanting()
        except ApiError as error:
            found = str(error)
        if found is None:
            return
        missing = found
        await asyncio.sleep(POLL)
    raise TimeoutError(f"{what}: after {SECONDS:g} s {missing}")


async def _groups(client: Client) -> dict[str, list[str]]:
    found = json.loads((await client.request("GET", "/apis")).body).get("groups") or []
    return {group["name"]: [version["version"] for version in group["versions"]] for group in found}


async def _plurals(client: Client, path: str) -> list[str]:
    return [resource.plural for resource in (await _resources(client, path)).values()]


async def _resources(client: Client, path: str) -> dict[str, Resource]:
    try:
        answer = await client.request("GET", path)
    except NotFound:
        return {}
    entries = json.loads(answer.body).get("resources") or []
    return {
        entry["kind"]: Resource(entry["name"], bool(entry.get("namespaced")))
        for entry in entries
        if "/" not in entry["name"]
    }
