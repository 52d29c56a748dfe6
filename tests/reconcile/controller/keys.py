"""One Widget, and the keys that a controller is called for."""

import asyncio
from typing import Any

from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget


def one_widget() -> Server:
    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    return server


async def calls_after(seconds: float, keys: Keys, server: Server | None = None, **options: Any) -> list[str]:
    async with manager_of(server or one_widget(), keys, **options).running():
        await asyncio.sleep(seconds)
    return keys.calls
