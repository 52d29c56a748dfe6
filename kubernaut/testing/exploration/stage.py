"""What simulated controllers get of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from kubernaut.fake.apiserver.snapshot import Storage
from kubernaut.testing.exploration.site import Changed, Site

__all__ = ["SiteStage"]


class SiteStage:
    """Implements Stage over a site."""

    def __init__(self, site: Site) -> None:
        self.delay = 0.0
        self.busy_until = 0.0
        """The loop's time until which something is still to come that changes the world."""
        self._site = site
        self._closed = False

    @property
    def storage(self) -> Storage:
        """See Stage.storage."""
        return self._site.storage

    def ask(self, method: str, path: str, body: Any = None, *, actor: str, kind: str = "application/json") -> Any:
        """See Stage.ask."""
        return self._site.ask(method, path, body, actor=actor, kind=kind)

    def put(self, obj: dict[str, Any], *, actor: str) -> None:
        """See Stage.put."""
        self._site.put(obj, actor=actor)

    def path_of(self, obj: Mapping[str, Any], subresource: str = "") -> str | None:
        """See Stage.path_of."""
        return self._site.path_of(obj, subresource)

    def subscribe(self, changed: Changed) -> None:
        """See Stage.subscribe."""
        self._site.subscribe(changed)

    def later(self, seconds: float, act: Callable[[], None], *, at_rest: bool = False) -> None:
        """See Stage.later."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if not at_rest:
            self.busy_until = max(self.busy_until, due)
        loop.call_at(due, self._act, act)

    def close(self) -> None:
        """Nothing more is done."""
        self._closed = True

    def _act(self, act: Callable[[], None]) -> None:
        if not self._closed:
            act()
