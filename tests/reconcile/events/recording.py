"""A recorder at work, and what it wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.client import Client
from kubernaut.reconcile import EventRecorder
from tests.reconcile.events.strict import Strict
from tests.reconcile.server import Server

Body = dict[str, Any]

WIDGET: Body = {"apiVersion": "example.dev/v1", "kind": "Widget", "namespace": "shop", "name": "a", "uid": "u"}
NODE: Body = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "n"}


@asynccontextmanager
async def recording(server: Server, **options: Any) -> AsyncIterator[EventRecorder]:
    """A recorder whose events are checked as a real server does; all are written at the end."""
    recorder = EventRecorder(Client(Strict(server)), **options)
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
        await recorder.drained()
    finally:
        task.cancel()
        await asyncio.wait([task])


def posted(server: Server) -> list[Body]:
    """The Events that were created."""
    return [body for method, _, body in server.events if method == "POST"]


def patched(server: Server) -> list[Body]:
    """The series that were written to Events that were there."""
    return [body["series"] for method, _, body in server.events if method == "PATCH"]
