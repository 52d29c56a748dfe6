"""Keeps a store equal to the server's objects of one kind: an explicit state machine over list and watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from random import Random

import anyio
import msgspec

from kubernaut.client import (
    ApiError,
    Client,
    ClientError,
    ObjectHead,
    RawFrame,
    RawFrames,
    TransportError,
    Written,
    decode_head,
    error_from_object,
)
from kubernaut.client.frames import decode_status
from kubernaut.reconcile.informer import recovery
from kubernaut.reconcile.informer.features import ServerFeatures
from kubernaut.reconcile.informer.handlers import Handler, Handlers
from kubernaut.reconcile.informer.progress import Progress, watch_seconds
from kubernaut.reconcile.informer.recovery import InStreamError, UnreadableFrame
from kubernaut.reconcile.informer.retry import RetryDelay
from kubernaut.reconcile.informer.scope import Scope
from kubernaut.reconcile.informer.states import Empty, InitDone, InitPage, InitStream, State, Watching
from kubernaut.reconcile.informer.trouble import Trouble
from kubernaut.reconcile.informer.waiting import Waiters, key_of, number
from kubernaut.reconcile.intake import Intake, KindOptions
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.store import Change, ChangeType, Store, Stored

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
TURN = 500
"""Frames handled before others get a turn: a large chunk is read without waiting."""


class Informer:
    """One list and watch, shared by all who need it.

    Guarantees: handlers see each key's changes in order, without gaps in state (an intermediate state may be skipped);
    the store already holds the change when a handler is called; every key that is gone is told as DELETED; `synced` is
    set when every handler has been told of the first complete list. `run` outlives every error of the API, an absent
    kind included. Handlers must not wait; one that raises loses that change and nothing else.

    Assumptions: resourceVersions of one resource are ordered where they are positive integers (KEP-5504): an event
    older than what is stored is then a repetition, and is left out.
    """

    def __init__(
        self,
        client: Client,
        scope: Scope,
        *,
        random: Random | None = None,
        options: KindOptions | None = None,
        features: ServerFeatures | None = None,
    ) -> None:
        options = options or KindOptions()
        self.scope = scope
        self.store = Store(heads=scope.metadata_only)
        self.state: State = Empty()
        self.synced = asyncio.Event()
        self.absent = False
        """The server does not know the kind at present."""
        self.resource_version = ""
        """The store reflects the server's state at least up to here; "" before the first list."""
        self.heard: float | None = None
        """Loop time at which the server last told something: a page, an event or a bookmark. None before the first."""
        self.frames = 0
        """Watch events and bookmarks received."""
        self.relists = 0
        """Complete lists read after the first."""
        self.errors = 0
        """Lists and watches that failed, and objects that could not be read."""
        self._client = client
        self._random = random or Random(0)
        self._features = features or ServerFeatures()
        self._options = options
        self._intake = Intake(options, str(scope))
        first, longest = options.retry_seconds
        self._delay = RetryDelay(self._random, base=first, cap=longest)
        self._log = logger("kubernaut.informer").bind(informer=str(scope))
        self._handlers = Handlers(self._log)
        self._trouble = Trouble(self._log)
        self._waiters = Waiters(self.store)
        self._mark = 0

    @property
    def whole(self) -> bool:
        """Whether the store keeps objects just as the server sends them, managedFields aside."""
        return self._intake.whole and not self.scope.metadata_only

    @property
    def problem(self) -> str:
        """What keeps this informer from following the server, for people; "" if nothing does."""
        if self.absent:
            return "not served"
        error = self.failing
        return "" if error is None else f"failing for {self.failing_for:.0f} s: {error}"

    @property
    def failing(self) -> str | None:
        """The last error, until a list or a watch succeeds again."""
        return self._trouble.error(asyncio.get_running_loop().time())

    @property
    def failing_for(self) -> float:
        """Seconds since the first error after the last success; 0 while nothing fails."""
        now = asyncio.get_running_loop().time()
        return 0.0 if self._trouble.error(now) is None else now - self._trouble.since

    @property
    def handler_failures(self) -> int:
        """Calls of handlers that raised."""
        return self._handlers.failures

    def add_handler(self, handler: Handler) -> Callable[[], None]:
        """Call `handler` for every change from now on, after an ADDED for each object that is already here.

        Answers a function that ends this.
        """
        for key, stored in self.store.items():
            self._handlers.call(handler, Change(ChangeType.ADDED, key, None, stored, initial=True))
        self._handlers.add(handler)
        return lambda: self._handlers.remove(handler)

    def concerns(self, written: Written) -> bool:
        """Whether a write will show up here. Where only the server can tell, it is if the object is already here."""
        if self.absent or not self.scope.covers(written.resource_type, written.namespace):
            return False
        key = key_of(written)
        return bool(self.scope.selects(key.namespace, key.name, written.labels)) or key in self.store

    def reached(self, written: Written) -> bool:
        """Whether the store reflects the write (or something later)."""
        return self._waiters.reached(written)

    def when_reached(self, written: Written, callback: Callable[[], None]) -> None:
        """Call `callback` once, as soon as `reached(written)`; at once if it is so already."""
        self._waiters.add(written, callback)

    async def run(self) -> None:
        """List and watch until cancelled. May be run again afterwards; the store is kept."""
        if not isinstance(self.state, Watching):
            self.state = Empty()  # a list that was cut off must not be taken for a complete one
        while True:
            try:
                self.state = await self.step(self.state)
            except (ClientError, msgspec.DecodeError) as error:
                await anyio.sleep(self._after(error))

    async def step(self, state: State) -> State:
        """Go on from `state`; the state after that. Raises ClientError, with `self.state` what was last reached.

        A step that follows a stream ends with the stream, and moves `self.state` with each frame.
        """
        match state:
            case Empty():
                self._mark += 1
                if state.streaming and self._features.streams(self.scope.resource_type):
                    return InitStream(self._mark)
                return InitPage(self._mark, paged=state.paged)
            case InitPage():
                return await self._read_page(state)
            case InitDone():
                return self._finish_list(state)
            case InitStream() | Watching():
                return await self._follow(state)

    # Lists in pages.

    async def _read_page(self, state: InitPage) -> State:
        scope = self.scope
        pages = self._client.list_pages(
            scope.resource_type,
            namespace=scope.namespace,
            labels=scope.labels,
            fields=scope.fields,
            limit=self._options.page_limit if state.paged else None,
            continue_token=state.continue_,
            metadata_only=scope.metadata_only,
        )
        try:
            page = await anext(pages)
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()
        self.heard = asyncio.get_running_loop().time()
        self._trouble.listed()
        for raw in page.items:
            try:
                stored = self._intake.take(raw)
            except msgspec.DecodeError as error:
                self.errors += 1
                self._log.error("an object of the list cannot be read and is left out", error=str(error))
                continue
            self._put(stored, state.mark)
        if page.continue_ is None:
            return InitDone(state.mark, page.resource_version)
        return InitPage(state.mark, page.continue_, state.paged)

    def _finish_list(self, state: InitDone) -> Watching:
        for changes in self.store.sweep(state.mark):
            self._told(changes)
        if self.absent:
            self._log.info("the kind is served again")
            self.absent = False
        self.relists += self.synced.is_set()
        self._advance(state.resource_version)
        self.synced.set()
        return Watching(state.resource_version)

    # Watches, and lists that are streamed by one.

    async def _follow(self, state: InitStream | Watching) -> State:
        loop = asyncio.get_running_loop()
        rt = self.scope.resource_type
        seconds = watch_seconds(self._random, self._options.watch_seconds)
        progress = Progress(loop.time(), seconds, self._features.bookmarks(rt), self._options.silence)
        self.state = state
        async with self._open(state, progress.seconds) as frames:
            if isinstance(state, Watching):
                self._trouble.answered(loop.time())
            with anyio.CancelScope(deadline=progress.deadline(listing=isinstance(state, InitStream))) as timer:
                await self._read_frames(frames, progress, timer)
        if progress.bookmarks:
            self._features.saw_bookmark(rt)
        elif timer.cancelled_caught:
            self._features.forget_bookmarks(rt)
        if isinstance(self.state, InitStream):
            return self._unended(timer.cancelled_caught)
        advanced = isinstance(state, InitStream) or state.resource_version != self.resource_version
        if progress.too_short(loop.time(), advanced=advanced):
            raise TransportError("the watch ended as soon as it began")
        if timer.cancelled_caught:
            self._trouble.silent(loop.time(), loop.time() - progress.heard)
        else:
            self._trouble.over()
        return self.state

    def _open(self, state: InitStream | Watching, seconds: int) -> AbstractAsyncContextManager[RawFrames]:
        scope = self.scope
        return self._client.watch_raw(
            scope.resource_type,
            namespace=scope.namespace,
            labels=scope.labels,
            fields=scope.fields,
            resource_version=state.resource_version if isinstance(state, Watching) else None,
            timeout_seconds=seconds,
            send_initial_events=isinstance(state, InitStream),
            metadata_only=scope.metadata_only,
        )

    async def _read_frames(self, frames: RawFrames, progress: Progress, timer: anyio.CancelScope) -> None:
        loop = asyncio.get_running_loop()
        async for frame in frames:
            self.frames += 1
            self.heard = loop.time()
            listing = isinstance(self.state, InitStream)
            progress.frame(self.heard, periodic=frame.type == "BOOKMARK" and not listing)
            # Kept up to date at each frame, so that whatever breaks the stream resumes from here.
            self.state = self._handle(self.state, frame)
            self._trouble.over()
            timer.deadline = progress.deadline(listing=isinstance(self.state, InitStream))
            if progress.frames % TURN == 0:
                await asyncio.sleep(0)

    def _unended(self, timed_out: bool) -> Empty:
        """A streaming list ended without its end: a server that does not know them, or a stream that broke."""
        if not timed_out:
            raise TransportError("the streaming list broke off")
        self._log.info("no end of the streaming list: the server is listed in pages")
        self._features.no_streams(self.scope.resource_type)
        return Empty(streaming=False)

    def _handle(self, state: State, frame: RawFrame) -> State:
        match frame.type:
            case "ADDED" | "MODIFIED" | "DELETED":
                return self._handle_object(state, frame)
            case "BOOKMARK":
                return self._handle_bookmark(state, decode_head(frame.object))
            case "ERROR":
                raise InStreamError(error_from_object(decode_status(frame.object)))
            case other:
                raise UnreadableFrame(f"the watch stream has an event of unknown type {other!r}")

    def _handle_object(self, state: State, frame: RawFrame) -> State:
        stored = self._intake.take(frame.object)
        head = stored.head
        key = Request(head.namespace or None, head.name)
        listing = isinstance(state, InitStream)
        if not listing and self._repeated(key, head):
            return state
        if frame.type == "DELETED":
            self._delete(key, stored)
        else:
            self._put(stored, state.mark if isinstance(state, InitStream) else 0)
        # The initial events are in no order; and an event that came twice must not take the version back.
        if listing or self._is_past(head):
            return state
        self._advance(head.resource_version)
        return Watching(head.resource_version)

    def _is_past(self, head: ObjectHead) -> bool:
        new, old = number(head.resource_version), number(self.resource_version)
        return new is not None and old is not None and new < old

    def _handle_bookmark(self, state: State, head: ObjectHead) -> State:
        if isinstance(state, InitStream):
            if head.annotations.get(INITIAL_EVENTS_END) == "true":
                return self._finish_list(InitDone(state.mark, head.resource_version))
            return state
        if self._is_past(head):
            return state
        self._advance(head.resource_version)
        return Watching(head.resource_version)

    def _repeated(self, key: Request, head: ObjectHead) -> bool:
        """Whether the store already reflects an event: a server, or what is between, may send one twice."""
        version = number(head.resource_version)
        stored = self.store.get(key)
        known = number(self.resource_version if stored is None else stored.head.resource_version)
        return version is not None and known is not None and version < known

    # The store, and who learns of its changes.

    def _put(self, stored: Stored, mark: int) -> None:
        self._told(self.store.put(stored, initial=not self.synced.is_set(), mark=mark))

    def _delete(self, key: Request, last: Stored) -> None:
        known = self.store.get(key)
        comparable = number(last.head.resource_version) is not None
        # Without an order of versions only the uid tells the end of an earlier object of that name.
        if known is not None and (comparable or known.head.uid == last.head.uid):
            self._told(self.store.remove(key, last))

    def _told(self, changes: list[Change]) -> None:
        if not changes:
            return
        if self._handlers:
            for change in changes:
                if change.old is not None:
                    change.old.unfold()
            self._handlers.tell(changes)
        # The handlers come before the waiters: these act on what the handlers have already been told.
        self._waiters.changed(changes[-1].key)
        self.store.settle(changes)

    def _advance(self, resource_version: str) -> None:
        self.resource_version = resource_version
        self._waiters.advanced(resource_version)

    # Failures.

    def _after(self, error: recovery.Failure) -> float:
        """Choose the next state after a failure; answers the seconds to wait before it."""
        if recovery.refuses_streaming(self.state, error):
            self._log.info("the server streams no lists of the kind: it is listed in pages")
            self._features.no_streams(self.scope.resource_type)
            self.state = Empty(streaming=False)
            return 0.0
        self.errors += 1
        delay = self._delay.next(asyncio.get_running_loop().time())
        if recovery.at_once(error) and self._delay.failures == 1:
            delay = 0.0
        status = recovery.status_of(error)
        if isinstance(status, ApiError) and status.retry_after:
            delay = max(delay, status.retry_after)
        watching = isinstance(self.state, Watching)
        now = asyncio.get_running_loop().time()
        self._trouble.note(error, now, absent=self.absent, watching=watching, retry_in=delay)
        self.state = recovery.after(self.state, error)
        if recovery.is_absent(error):
            self._lost()
        return delay

    def _lost(self) -> None:
        """The kind is not served: none of its objects exist any more."""
        self.absent = True
        self.state = Empty()
        for changes in self.store.sweep():
            self._told(changes)
