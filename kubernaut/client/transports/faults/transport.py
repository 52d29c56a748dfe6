"""FaultyTransport: a transport whose requests meet the faults that a test has asked for."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from kubernaut.client.errors import TransportError
from kubernaut.client.requestinfo import RequestInfo, classify
from kubernaut.client.transport import Transport, TransportRequest, TransportResponse
from kubernaut.client.transports.faults.effects import Forward
from kubernaut.client.transports.faults.fault import Fault
from kubernaut.client.transports.faults.rules import Injected, Rule, Target
from kubernaut.resources import Resource

__all__ = ["Faults", "FaultyTransport"]


class Faults:
    """The faults that a transport injects; to be changed at any time::

        faults.add(Fault.status(409), verb="update", resource="widgets", nth=2)
        faults.add(Fault.timeout(), resource=Pod, namespace="shop", probability=0.1)

    The same ``seed`` and the same order of requests give the same faults. Rules apply in the order in which they were
    added; one that answers in the server's place keeps the request from those after it.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._made = 0
        self._rules: list[Rule] = []
        self._watches: list[_OpenWatch] = []
        self.injected: list[Injected] = []
        """Every fault that struck, oldest first."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, oldest first."""
        return tuple(self._rules)

    def add(
        self,
        fault: Fault,
        *,
        verb: str | None = None,
        resource: str | type[Resource] | None = None,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        where: Callable[[RequestInfo], bool] | None = None,
        nth: int | None = None,
        times: int | None = None,
        probability: float = 1.0,
    ) -> Rule:
        """Let ``fault`` strike the requests that fit all that is given; return the rule, for `remove`.

        ``verb``: get, list, watch, create, update, patch, apply (the patches that are server-side applies), delete,
        deletecollection. ``resource``: the plural, with its group or subresource if need be (``widgets``,
        ``widgets.example.dev``, ``widgets/status``), or a Resource class. ``subresource``: None fits any, "" the object
        itself. ``name`` of a create is that in its body. ``where`` decides on anything else.

        ``nth`` strikes that fitting request, counted from 1 since the rule was added; ``times`` is how many are struck
        (from the ``nth`` on; without ``nth``, all, with it, one). Raises ValueError naming the argument that cannot be.
        """
        target = Target.of(verb, resource, subresource, namespace, name, where)
        luck = random.Random(f"{self._seed}/{self._made}")
        rule = Rule(fault, target, nth, times, probability, luck)
        self._made += 1
        self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """End a rule; what hangs on it goes on. Streams that it has changed already stay so. No error if it ended."""
        if rule in self._rules:
            self._rules.remove(rule)
        rule.healed.set()

    def clear(self) -> None:
        """End all rules; `injected` is kept."""
        for rule in self.rules:
            self.remove(rule)

    def cut_watches(
        self, *, resource: str | type[Resource] | None = None, namespace: str | None = None, clean: bool = False
    ) -> int:
        """Break the watches that are open now; return how many. ``clean``: as if the server had ended them."""
        target = Target.of("watch", resource, None, namespace, None, None)
        fault = Fault.cut(clean=clean)
        cut = [watch for watch in self._watches if target.matches(watch.info)]
        for watch in cut:
            watch.cut(clean)
            self.injected.append(Injected(anyio.current_time(), watch.info, fault))
        return len(cut)

    def on_the_way(self, forward: Forward, info: RequestInfo) -> Forward:
        """``forward`` with the faults on it that are due for one request."""
        for rule in reversed([rule for rule in self._rules if rule.due(info)]):
            forward = rule.wrap(forward, info, self.injected.append)
        return forward


class FaultyTransport:
    """Hands requests on to ``inner``, through the faults of ``faults`` (one of its own unless given).

    ``inner`` is closed with it. Faults strike requests before ``inner`` sees them, or their answers after.
    """

    def __init__(self, inner: Transport, faults: Faults | None = None, *, seed: int = 0) -> None:
        self._inner = inner
        self.faults = Faults(seed) if faults is None else faults

    @property
    def injected(self) -> list[Injected]:
        """Every fault that struck, oldest first."""
        return self.faults.injected

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        """See Transport.open."""
        info = classify(request)
        forward = self.faults.on_the_way(self._inner.open, info)
        async with forward(request) as response:
            if info.verb != "watch" or response.status >= 300:
                yield response
                return
            watch = _OpenWatch(info, response.chunks)
            self.faults._watches.append(watch)
            try:
                yield replace(response, chunks=watch)
            finally:
                self.faults._watches.remove(watch)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return await self._inner.refresh()

    async def aclose(self) -> None:
        """See Transport.aclose."""
        await self._inner.aclose()


class _OpenWatch:
    """The chunks of one watch, which can be cut from outside while somebody waits for the next."""

    def __init__(self, info: RequestInfo, chunks: AsyncIterator[bytes]) -> None:
        self.info = info
        self._chunks = chunks
        self._reading: anyio.CancelScope | None = None
        self._cut: bool | None = None  # cleanly or not, once it is

    def cut(self, clean: bool) -> None:
        self._cut = clean
        if self._reading is not None:
            self._reading.cancel()

    def __aiter__(self) -> _OpenWatch:
        return self

    async def __anext__(self) -> bytes:
        chunk: bytes | None = None
        if self._cut is None:
            try:
                with anyio.CancelScope() as self._reading:
                    chunk = await anext(self._chunks)
            finally:
                self._reading = None
        if chunk is not None:
            return chunk
        if self._cut:
            raise StopAsyncIteration
        raise TransportError("the connection was reset (injected)")
