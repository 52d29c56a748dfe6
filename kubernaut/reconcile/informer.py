"""Keeps a store equal to the server's objects of one kind: an explicit state machine over list and watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random

import anyio
import msgspec

from kubernaut.client import (
    ApiError,
    Client,
    ClientError,
    Gone,
    NotFound,
    RawFrame,
    RawPage,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
    Written,
    decode_head,
    error_from_object,
)
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.selectors import LabelsArg, selector_text
from kubernaut.reconcile.store import Change, ChangeType, Store, Stored
from kubernaut.resources import ResourceType

PAGE_LIMIT = 500
WATCH_SECONDS = (300, 600)
"""The server is asked to end each watch after a random time between these."""
WATCH_GRACE = 5.0
"""The watch is given up this many seconds after the server should have ended it."""
SILENCE = 180.0
"""A stream that has sent bookmarks and then is silent for this many seconds is reopened."""
HEALTHY = 120.0
"""After this many seconds without a failure the back-off starts anew."""

Handler = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an informer watches; equal scopes share one informer. Selectors are in query form."""

    resource_type: ResourceType
    namespace: str | None = None
    labels: str | None = None
    fields: str | None = None
    metadata_only: bool = False

    @classmethod
    def of(
        cls,
        rt: ResourceType,
        namespace: str | None = None,
        labels: LabelsArg = None,
        fields: LabelsArg = None,
        *,
        metadata_only: bool = False,
    ) -> Scope:
        namespace = namespace if rt.namespaced else None
        return cls(rt, namespace, selector_text(labels), selector_text(fields), metadata_only)

    @property
    def selective(self) -> bool:
        return self.labels is not None or self.fields is not None

    def covers(self, rt: ResourceType, namespace: str | None) -> bool:
        """Whether objects of that kind and namespace can be in the store (the selectors aside)."""
        return rt.group_resource == self.resource_type.group_resource and self.namespace in (None, namespace)

    def __str__(self) -> str:
        parts = (self.namespace and f"in {self.namespace}", self.labels, self.fields)
        return " ".join((self.resource_type.group_resource, *(part for part in parts if part)))


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known to be current: list next. The store may hold what an earlier list and watch told."""


@dataclass(frozen=True, slots=True)
class InitPage:
    """A list is being read; `seen` are the keys of its pages so far."""

    pages: AsyncIterator[RawPage]
    seen: dict[Request, None] = field(default_factory=dict)
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class InitDone:
    """The list is complete: what it did not name is gone."""

    seen: dict[Request, None]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Watching:
    """The store is current as of `resource_version` and follows the watch from there."""

    resource_version: str


State = Empty | InitPage | InitDone | Watching


class RetryDelay:
    """Delays of 0.8 s doubling to 30 s, with jitter; anew after two minutes without a failure."""

    def __init__(self, random: Random, *, base: float = 0.8, cap: float = 30.0) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self.failures = 0
        self._last = 0.0

    def next(self, now: float) -> float:
        if self.failures and now - self._last - self._cap > HEALTHY:
            self.failures = 0
        delay = min(self._cap, self._base * 2.0 ** min(self.failures, 16) * (1.0 + self._random.random()))
        self.failures += 1
        self._last = now
        return delay


class Informer:
    """One list and watch, shared by all who need it.

    Guarantees: handlers see each key's changes in order, without gaps in state (an intermediate state may be skipped);
    the store already holds the change when a handler is called; every key that is gone is told as DELETED. `run`
    outlives every error of the API, an absent kind included. Handlers must not raise or wait.
    """

    def __init__(
        self,
        client: Client,
        scope: Scope,
        *,
        random: Random | None = None,
        transform: Callable[[bytes], bytes] | None = None,
        page_limit: int = PAGE_LIMIT,
    ) -> None:
        self.scope = scope
        self.store = Store()
        self.state: State = Empty()
        self.synced = asyncio.Event()
        self.absent = False
        """The server does not know the kind at present."""
        self.resource_version = ""
        """The store reflects the server's state at least up to here; "" before the first list."""
        self._client = client
        self._random = random or Random(0)
        self._transform = transform
        self._page_limit = page_limit
        self._delay = RetryDelay(self._random)
        self._handlers: list[Handler] = []
        self._waiting: list[tuple[Written, Callable[[], None]]] = []
        self._log = logger("kubernaut.informer").bind(informer=str(scope))

    @property
    def whole(self) -> bool:
        """Whether the store keeps objects just as the server sends them."""
        return self._transform is None and not self.scope.metadata_only

    def add_handler(self, handler: Handler) -> None:
        """Call `handler` for every change from now on, after an ADDED for each object that is already here."""
        for key, stored in self.store.items():
            handler(Change(ChangeType.ADDED, key, None, stored, initial=True))
        self._handlers.append(handler)

    def concerns(self, written: Written) -> bool:
        """Whether a write will show up here. With a selector that is known only of objects already here."""
        if not self.scope.covers(written.resource_type, written.namespace):
            return False
        return not self.scope.selective or _key_of(written) in self.store

    def reached(self, written: Written) -> bool:
        """Whether the store reflects the write (or something later)."""
        stored = self.store.get(_key_of(written))
        if written.deleted:
            return stored is None or (bool(written.uid) and stored.head.uid != written.uid)
        version = _number(written.resource_version)
        if version is not None and (_number(self.resource_version) or 0) >= version:
            return True
        if stored is None:
            return False
        own = _number(stored.head.resource_version)
        if version is None or own is None:  # not comparable: only the object's own event tells
            return stored.head.resource_version == written.resource_version
        return own >= version

    def when_reached(self, written: Written, callback: Callable[[], None]) -> None:
        """Call `callback` once, as soon as `reached(written)`; at once if it is so already."""
        if self.reached(written):
            callback()
        else:
            self._waiting.append((written, callback))

    async def run(self) -> None:
        """List and watch until cancelled."""
        if not isinstance(self.state, Watching):
            self.state = Empty()  # a list that was cut off must not be taken for a complete one
        while True:
            try:
                self.state = await self._step(self.state)
            except (ClientError, msgspec.DecodeError) as error:
                delay = self._after(error)
                await anyio.sleep(delay)

    async def _step(self, state: State) -> State:
        match state:
            case Empty():
                scope = self.scope
                pages = self._client.list_pages(
                    scope.resource_type,
                    namespace=scope.namespace,
                    labels=scope.labels,
                    fields=scope.fields,
                    limit=self._page_limit,
                )
                return InitPage(aiter(pages))
            case InitPage():
                return await self._read_page(state)
            case InitDone():
                return self._finish_list(state)
            case Watching():
                return await self._watch(state)

    async def _read_page(self, state: InitPage) -> State:
        try:
            page = await anext(state.pages)
        except StopAsyncIteration:
            return InitDone(state.seen, state.resource_version)
        for raw in page.items:
            stored = self._stored(raw)
            key = Request(stored.head.namespace or None, stored.head.name)
            state.seen[key] = None
            self._dispatch(self.store.put(stored, initial=not self.synced.is_set()))
        return InitPage(state.pages, state.seen, page.resource_version)

    def _finish_list(self, state: InitDone) -> State:
        for key, _ in self.store.items():
            if key not in state.seen:
                self._dispatch(self.store.remove(key, synthesised=True))
        if self.absent:
            self._log.info("the kind is served again")
            self.absent = False
        self._advance(state.resource_version)
        self.synced.set()
        return Watching(state.resource_version)

    async def _watch(self, state: Watching) -> State:
        loop = asyncio.get_running_loop()
        scope = self.scope
        seconds = self._random.randint(*WATCH_SECONDS)
        opened = loop.time()
        frames = 0
        bookmarked = False
        end = opened + seconds + WATCH_GRACE
        async with self._client.watch_raw(
            scope.resource_type,
            namespace=scope.namespace,
            labels=scope.labels,
            fields=scope.fields,
            resource_version=state.resource_version,
            timeout_seconds=seconds,
        ) as stream:
            with anyio.CancelScope(deadline=end) as timer:
                async for frame in stream:
                    frames += 1
                    bookmarked = bookmarked or frame.type == "BOOKMARK"
                    if bookmarked:
                        timer.deadline = min(end, loop.time() + SILENCE)
                    self._apply(frame)
                    # Kept up to date at each frame, so that whatever breaks the stream resumes from here.
                    self.state = Watching(self.resource_version)
        if not frames and loop.time() - opened < 1.0:
            raise TransportError("the watch ended as soon as it began")
        return Watching(self.resource_version)

    def _apply(self, frame: RawFrame) -> None:
        if frame.type == "ERROR":
            raise error_from_object(msgspec.json.decode(frame.object))
        if frame.type == "BOOKMARK":
            self._advance(decode_head(frame.object).resource_version)
            return
        stored = self._stored(frame.object)
        key = Request(stored.head.namespace or None, stored.head.name)
        changes = self.store.remove(key, stored) if frame.type == "DELETED" else self.store.put(stored)
        # The handlers come before the waiters: these act on what the handlers have already been told.
        self._dispatch(changes)
        self._advance(stored.head.resource_version)

    def _advance(self, resource_version: str) -> None:
        self.resource_version = resource_version
        if not self._waiting:
            return
        reached = [entry for entry in self._waiting if self.reached(entry[0])]
        self._waiting = [entry for entry in self._waiting if entry not in reached]
        for _, callback in reached:
            callback()

    def _dispatch(self, changes: list[Change]) -> None:
        for change in changes:
            for handler in self._handlers:
                handler(change)

    def _stored(self, raw: msgspec.Raw) -> Stored:
        # Copied out of the page or chunk, which would stay in memory as long as any object of it.
        data = bytes(raw)
        if self._transform is not None:
            data = self._transform(data)
        return Stored(decode_head(data), data)

    def _after(self, error: Exception) -> float:
        """Choose the next state after an error; answers the seconds to wait before it."""
        delay = self._delay.next(asyncio.get_running_loop().time())
        log = self._log.info
        resume = isinstance(error, TransportError | TooManyRequests | Unauthorized)
        if isinstance(self.state, Watching) and resume:
            pass
        elif isinstance(error, NotFound):
            if not self.absent:
                log = self._log.warning
            self._lost()
        else:
            if isinstance(error, Gone | Timeout) and self._delay.failures == 1:
                delay = 0.0
            self.state = Empty()
        if isinstance(error, ApiError) and error.retry_after:
            delay = max(delay, error.retry_after)
        log("list or watch failed", error=str(error), retry_in=round(delay, 3))
        return delay

    def _lost(self) -> None:
        """The kind is not served: none of its objects exist any more."""
        self.absent = True
        self.state = Empty()
        for key, _ in self.store.items():
            self._dispatch(self.store.remove(key, synthesised=True))


def _key_of(written: Written) -> Request:
    return Request(written.namespace or None, written.name)


def _number(resource_version: str) -> int | None:
    return int(resource_version) if resource_version.isdigit() else None


__all__ = ["Empty", "Handler", "Informer", "InitDone", "InitPage", "RetryDelay", "Scope", "State", "Watching"]
