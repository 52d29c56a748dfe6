"""Notices at once that a named object changed; who polls as well loses nothing when a watch fails."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import anyio

from kubernaut.client import Client, ClientError
from kubernaut.reconcile.informer import RetryDelay
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.webhooks.certificates.bundles import Target

__all__ = ["watch_by_name"]

_log = logger("kubernaut.certificates")


async def watch_by_name(client: Client, target: Target, changed: Callable[[], None], random: Random) -> None:
    """Call `changed` whenever the object is made, changed or deleted, until cancelled.

    RBAC allows a watch of one name where the field selector says so. Only metadata is transferred.
    """
    delay = RetryDelay(random)
    told: str | None = None
    while True:
        try:
            await _watch(client, target, changed)
            told = None
        except ClientError as error:
            if str(error) != told:
                _log.warning("an object is not watched, only read now and then", object=str(target), error=str(error))
            told = str(error)
        await anyio.sleep(delay.next(anyio.current_time()))


async def _watch(client: Client, target: Target, changed: Callable[[], None]) -> None:
    fields = f"metadata.name={target.name}"
    async with client.watch_raw(
        target.kind.resource_type, fields=fields, bookmarks=False, metadata_only=True
    ) as frames:
        async for frame in frames:
            changed()
            if frame.type == "ERROR":
                return
