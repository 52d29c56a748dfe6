"""What the steps of a scenario act on: the cluster as people see it, time, and the systems outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from kubernaut.client import Client
from kubernaut.testing.exploration.outside import Outside
from kubernaut.testing.exploration.site import Site
from kubernaut.testing.exploration.view import View

__all__ = ["World"]

NAP = 0.25


class World:
    """One run's world, for `Scenario.steps` and for controllers that need `outside`."""

    def __init__(self, site: Site, client: Client, outside: Outside, view: View) -> None:
        self.client = client
        """A person's client; no fault strikes it."""
        self.outside = outside
        """The systems outside the cluster."""
        self.view = view
        """The objects as the server has them."""
        self._site = site

    async def settled(self, quiet: timedelta = timedelta(seconds=2), within: timedelta = timedelta(minutes=10)) -> None:
        """Wait until nothing was written for `quiet`, or for `within`, whatever the operator does meanwhile.

        A person does not know whether the operator is alive: while it is down nothing is written either.
        """
        await rest(self._site, quiet.total_seconds(), within.total_seconds())

    async def until(self, condition: Callable[[View], bool], within: timedelta = timedelta(minutes=10)) -> bool:
        """Wait until `condition(view)` is true, looking four times a second; False if `within` passed before."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + within.total_seconds()
        while not condition(self.view):
            if loop.time() >= limit:
                return False
            await asyncio.sleep(NAP)
        return True

    async def sleep(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        await asyncio.sleep(timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds())

    def say(self, text: str) -> None:
        """Note something in the timeline."""
        self._site.trace.add("person", text, "note")


async def rest(site: Site, quiet: float, within: float) -> bool:
    """Wait until nothing that counts was written for `quiet` seconds; False if that took more than `within`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        due = max(began, site.last_change) + quiet
        if loop.time() >= due:
            return True
        if loop.time() >= began + within:
            return False
        await asyncio.sleep(min(due, began + within) - loop.time())
