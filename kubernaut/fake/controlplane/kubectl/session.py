"""One run of kubectl: whose client it uses, in which namespace, and what it has printed so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kubernaut.client import Client
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.resources import ResourceType

PatchKind = Literal["json", "merge", "strategic", "apply"]
_CONTENT_TYPES: dict[str, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_DRY_RUN_SUFFIX = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
_ACCEPT_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@dataclass(slots=True)
class Session:
    """The surroundings of one command: `client` acts as the pod's ServiceAccount; `namespace` is the pod's own.

    `files`: what the pod's volumes hold, by path.
    """

    client: Client
    namespace: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def say(self, label: str, verb: str, arguments: Arguments) -> None:
        """Print what was done to an object, as `-o` and `--dry-run` ask for it."""
        if arguments.text("output") == "name":
            self.out.append(label)
            return
        self.out.append(f"{label} {verb}{_DRY_RUN_SUFFIX[arguments.dry_run]}")

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, table: bool = False) -> dict[str, Any]:
        """GET a path. Raises ApiError."""
        headers = {"accept": _ACCEPT_TABLE} if table else None
        return await self._send("GET", path, query or {}, None, headers)

    async def put(self, path: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """PUT an object. Raises ApiError."""
        return await self._send("PUT", path, _dry(dry_run), body, None)

    async def post(self, path: str, body: dict[str, Any], query: Mapping[str, str], *, dry_run: bool) -> dict[str, Any]:
        """POST an object. Raises ApiError."""
        return await self._send("POST", path, {**query, **_dry(dry_run)}, body, None)

    async def patch(
        self, path: str, kind: PatchKind, body: Any, query: Mapping[str, str] | None = None, *, dry_run: bool
    ) -> dict[str, Any]:
        """PATCH an object. Raises ApiError."""
        headers = {"content-type": _CONTENT_TYPES[kind]}
        return await self._send("PATCH", path, {**(query or {}), **_dry(dry_run)}, body, headers)

    async def text(self, path: str, query: Mapping[str, str]) -> str:
        """GET what is no JSON. Raises ApiError."""
        response = await self.client.request("GET", path, query=tuple(query.items()))
        return response.body.decode(errors="replace")

    async def delete(self, path: str, options: dict[str, Any]) -> dict[str, Any]:
        """DELETE an object with DeleteOptions. Raises ApiError."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        return await self._send("DELETE", path, {}, body, None)

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Any, headers: Mapping[str, str] | None
    ) -> dict[str, Any]:
        response = await self.client.request(method, path, query=tuple(query.items()), body=body, headers=headers)
        decoded = json.loads(response.body)
        return decoded if isinstance(decoded, dict) else {}


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def qualified(kind: ResourceType, name: str) -> str:
    """How kubectl names an object in its messages: `deployment.apps/web`, `pod/web-1`."""
    group = f".{kind.group}" if kind.group else ""
    return f"{kind.kind.lower()}{group}/{name}"
