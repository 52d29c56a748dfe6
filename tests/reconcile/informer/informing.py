"""An informer at work on a scripted server, and what its handlers were told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from kubernaut.client import Client, Written
from kubernaut.reconcile import Change, Informer, Request, Scope
from kubernaut.reconcile.informer import ServerFeatures
from kubernaut.reconcile.intake import KindOptions
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

RT = Widget.resource_type
SCOPE = Scope.of(RT)


class Told:
    """A handler that notes what it is told: `ADDED a`, with `!` after what was synthesised."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def __call__(self, change: Change) -> None:
        self.changes.append(change)

    @property
    def lines(self) -> list[str]:
        return [f"{c.type} {c.key.name}{'!' if c.synthesised else ''}" for c in self.changes]

    @property
    def initial(self) -> list[bool]:
        return [change.initial for change in self.changes]


@asynccontextmanager
async def informing(
    server: Server,
    scope: Scope = SCOPE,
    *,
    seed: int = 0,
    options: KindOptions | None = None,
    features: ServerFeatures | None = None,
    synced: bool = True,
) -> AsyncIterator[tuple[Informer, Told]]:
    """An informer that runs; with `synced` it has a complete list, and its watch is open."""
    informer = Informer(Client(server), scope, random=Random(seed), options=options, features=features)
    told = Told()
    informer.add_handler(told)
    task = asyncio.create_task(informer.run())
    try:
        if synced:
            await informer.synced.wait()
            await asyncio.sleep(0.1)
        yield informer, told
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def server_of(*names: str, streaming: bool = True) -> Server:
    """A server with widgets of these names."""
    server = Server()
    server.streaming = streaming
    for name in names:
        server.put("widgets", widget(name))
    return server


def names(informer: Informer) -> list[str]:
    return [key.name for key, _ in informer.store.items()]


def key(name: str) -> Request:
    return Request("shop", name)


def on_server(server: Server) -> dict[str, str]:
    """Name -> resourceVersion of the widgets that exist."""
    versions = {name: obj["metadata"]["resourceVersion"] for (_, _, name), obj in server.objects.items()}
    return {name: version for name, version in versions.items() if name}


def in_store(informer: Informer) -> dict[str, str]:
    return {key.name: stored.head.resource_version for key, stored in informer.store.items()}


def written(obj: dict[str, Any], *, deleted: bool = False, rt: Any = RT) -> Written:
    """The note of a write with this result."""
    meta = obj["metadata"]
    version = "" if deleted else meta["resourceVersion"]
    return Written(rt, meta["namespace"], meta["name"], meta["uid"], version, deleted, meta.get("labels", {}))


def frame(type_: str, obj: Any) -> bytes:
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


def status_frame(code: int, reason: str, **details: Any) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": "as scripted"}
    return frame("ERROR", {**status, "details": details})


def now() -> float:
    return asyncio.get_running_loop().time()
