"""Sees what controllers do, without their knowing: reconciles, writes, conditions, events, log lines."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import anyio

from kubernaut.cli.dev.entries import Aspect, Board, Entry, who
from kubernaut.cli.target import described_error
from kubernaut.client import Conflict
from kubernaut.client.requestinfo import classify
from kubernaut.client.transport import Transport, TransportRequest, TransportResponse
from kubernaut.reconcile import (
    Change,
    ChangeType,
    Context,
    Controller,
    Reconciler,
    Request,
    RequestReconciler,
    RequeueError,
    Result,
    TerminalError,
)
from kubernaut.reconcile.reconciler import TypedReconciler
from kubernaut.resources import Resource, format_duration
from kubernaut.timing import current_clock

Show = Callable[[Entry], None]
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
EVENTS_GROUP = "events.k8s.io"


class Observer:
    """Turns what happens into entries, and keeps the board."""

    def __init__(self, board: Board, show: Show) -> None:
        self.board = board
        self._show = show
        self._seen: dict[tuple[str, str], str] = {}
        self._controllers: dict[str, None] = {}

    def tell(self, aspect: Aspect, about: str, text: str, detail: str = "", *, at: datetime | None = None) -> None:
        """Show one entry."""
        self._show(Entry(at or current_clock().now(), aspect, about, text, detail))

    def watch(self, controller: Controller) -> None:
        """See every reconcile of a controller that does not run yet."""
        self._controllers[controller.name] = None
        controller.reconciler = _Observed(controller, self)

    def through(self, inner: Transport) -> Transport:
        """A transport whose writes are seen."""
        return _Writes(inner, self)

    def reports(self, controller: str) -> bool:
        """Whether it is one of the user's controllers."""
        return controller in self._controllers

    def object_changed(self, kind: type[Resource]) -> Callable[[Change], None]:
        """A handler for the informer of a controller's kind: shows conditions that change, and deletions."""

        def handle(change: Change) -> None:
            about = who(kind.resource_type.kind, change.key.namespace, change.key.name)
            if change.type is ChangeType.DELETED:
                self.board.forget(about)
                self._seen = {key: state for key, state in self._seen.items() if key[0] != about}
                self.tell("gone", about, "is gone")
            else:
                status = json.loads(change.new.raw).get("status")
                self._conditions(about, status if isinstance(status, dict) else {})

        return handle

    def event_changed(self, change: Change) -> None:
        """A handler for the informer of Events: shows those of the user's controllers."""
        event = json.loads(change.new.raw)
        if change.type is ChangeType.DELETED or not self.reports(event.get("reportingController") or ""):
            return
        regarding = event.get("regarding") or {}
        about = who(str(regarding.get("kind")), regarding.get("namespace"), str(regarding.get("name")))
        count = (event.get("series") or {}).get("count")
        times = f" (x{count})" if count else ""
        self.tell("event", about, f"{event.get('reason')}: {event.get('note')}{times}")

    def _conditions(self, about: str, status: Mapping[str, Any]) -> None:
        row = self.board.row(about)
        told = []
        for condition in status.get("conditions") or []:
            state = f"{condition.get('type')}={condition.get('status')}"
            told.append(state)
            text = " ".join(part for part in (state, condition.get("reason"), condition.get("message")) if part)
            key = (about, str(condition.get("type")))
            if self._seen.get(key) != text:
                self._seen[key] = text
                self.tell("condition", about, text)
        row.conditions = " ".join(told)


class _Observed(RequestReconciler):
    """Calls the controller's reconciler, and tells how that went."""

    def __init__(self, controller: Controller, observer: Observer) -> None:
        reconciler = controller.reconciler
        self._kind = controller.kind
        self._inner: RequestReconciler = (
            TypedReconciler(controller.kind, reconciler) if isinstance(reconciler, Reconciler) else reconciler
        )
        self._observer = observer

    async def reconcile(self, request: Request, ctx: Context, /) -> Result | None:
        began = anyio.current_time()
        about = who(self._kind.resource_type.kind, request.namespace, request.name)
        self._observer.board.reconciles += 1
        try:
            result = await self._inner.reconcile(request, ctx)
        except (RequeueError, Conflict) as error:
            self._tell(about, "reconcile", f"had a stale view and runs again ({error})", failed=False)
            raise
        except Exception as error:
            again = "is not retried" if isinstance(error, TerminalError) else f"is retried (attempt {ctx.attempt})"
            self._tell(about, "failure", f"failed and {again}", described_error(error), failed=True)
            raise
        took = f"reconciled in {(anyio.current_time() - began) * 1000:.0f} ms"
        if result is not None and result.requeue_after is not None:
            took += f", again in {format_duration(result.requeue_after)}"
        self._tell(about, "reconcile", took, failed=False)
        return result

    def _tell(self, about: str, aspect: Aspect, text: str, detail: str = "", *, failed: bool) -> None:
        row = self._observer.board.row(about)
        row.reconciles += 1
        row.last, row.failed = text, failed
        self._observer.tell(aspect, about, text, detail)


class _Writes:
    """A transport that tells of every write and its answer; Events are told of as such."""

    def __init__(self, inner: Transport, observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        async with self._inner.open(request) as response:
            info = classify(request)
            if info.verb in _WRITES and info.group != EVENTS_GROUP:
                self._observer.board.writes += 1
                aspect: Aspect = "write" if response.status < 400 else "refused"
                dry = " (dry run)" if ("dryRun", "All") in request.query else ""
                self._observer.tell(aspect, "", f"{info}{dry} -> {response.status}")
            yield response

    async def refresh(self) -> bool:
        return await self._inner.refresh()

    async def aclose(self) -> None:
        await self._inner.aclose()


class LogLines(logging.Handler):
    """Shows log lines: what the user's controllers log, and warnings of anything else."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(logging.INFO)
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        if self._matters(record):
            at = datetime.fromtimestamp(record.created).astimezone()
            self._observer.tell("log", record.name, record.getMessage(), at=at)

    def _matters(self, record: logging.LogRecord) -> bool:
        keys = getattr(record, "kubernaut", None) or {}
        message = getattr(record, "kubernaut_message", record.getMessage())
        if message.startswith("reconcile "):  # the runtime's own words about what is shown already
            return False
        if self._observer.reports(str(keys.get("controller"))):
            return True
        ours = record.name.partition(".")[0] == "kubernaut"
        return record.levelno >= logging.WARNING or not ours
