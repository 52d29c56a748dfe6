"""Empties the outbox: a controller of its own, so that a store which is away delays nothing but itself."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from pydantic import ValidationError

from kubernaut.actions import Action, Catalog
from kubernaut.audit import AuditEntry, AuditRefused, AuditStore, AuditUnavailable
from kubernaut.client import Conflict, NotFound
from kubernaut.reconcile import (
    Backoff,
    Context,
    Controller,
    Permission,
    Request,
    RequeueError,
    Result,
    TerminalError,
)
from kubernaut.remediation.execution.auditing.entries import brief, entries_of
from kubernaut.remediation.execution.auditing.lag import AuditLag
from kubernaut.remediation.execution.reasons import RECORDED
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution
from kubernaut.remediation.machine.texts import cut
from kubernaut.resources import stamp_conditions

REMEMBERED = 10_000
"""Executions of which it is remembered how much was recorded; of others everything is told again, harmlessly."""
RETRY = timedelta(seconds=15)


class AuditReconciler:
    """Records the transitions that the status holds, in their order.

    Guarantees: each is recorded at least once before the execution may go, across crashes and outages; the store makes
    that exactly once. The condition AuditRecorded is true when a terminal execution is recorded whole, and false, with
    the reason, while the store is away. An entry that the store refuses for good is offered once more without details;
    where that is refused as well the execution is let go without it, and the condition stays false, with reason
    AuditRefused.

    It reads and writes by itself: a typed reconciler would write an observed generation into every new execution, and
    meet the execution controller's own first write there.
    """

    def __init__(self, store: AuditStore, lag: AuditLag, catalog: Catalog | None = None) -> None:
        self._store = store
        self._lag = lag
        self._catalog = catalog
        self._recorded: OrderedDict[str, int] = OrderedDict()
        self._refused: OrderedDict[str, str] = OrderedDict()
        self._away = False

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Tell the store what it has not been told; while it is away, try again. Raises ApiError."""
        try:
            execution = ctx.cache.get(KubernetesExecution, request.name, request.namespace)
        except NotFound:
            self._lag.caught_up(_key(request))
            return None
        except ValidationError as error:
            raise TerminalError(f"cannot be read: {error}") from error
        status = execution.status
        if status.recorded_transitions >= len(status.transitions):
            self._forget(request, execution)
            return None
        before = [condition.model_copy() for condition in status.conditions]
        result = await self._tell(request, execution, ctx)
        if status.conditions != before:
            stamp_conditions(before, status.conditions, ctx.clock.now(), execution.metadata.generation)
            await _write(execution, ctx)
        return result

    async def _tell(self, request: Request, execution: KubernetesExecution, ctx: Context) -> Result | None:
        """Record what is missing; the status of `execution` then says how it went."""
        status, uid = execution.status, execution.uid or ""
        try:
            head = await self._record(execution)
        except AuditUnavailable as error:
            if not self._away:
                self._away = True
                ctx.log.warning("the audit store is away; what happens is recorded when it is back", error=str(error))
            _not_recorded(execution, ctx, "StoreUnavailable", str(error))
            first = min(self._recorded.get(uid, 0), len(status.transitions) - 1)
            self._lag.behind(_key(request), status.transitions[first].time)
            return Result(requeue_after=RETRY)
        if self._away:
            self._away = False
            ctx.log.info("the audit store is back")
        self._lag.caught_up(_key(request))
        if status.phase in TERMINAL:
            status.recorded_transitions = len(status.transitions)
        if refusal := self._refused.get(uid):
            _not_recorded(execution, ctx, "AuditRefused", refusal)
        elif status.phase in TERMINAL:
            message = f"{len(status.transitions)} transitions, the last with hash {head}"
            status.set_condition(RECORDED, True, reason="Recorded", message=message)
        elif status.condition(RECORDED) is not None:
            # The store was away and is back.
            status.remove_condition(RECORDED)
        return None

    async def _record(self, obj: KubernetesExecution) -> str:
        uid, head = obj.uid or "", ""
        done = self._recorded.get(uid, 0)
        entries = entries_of(obj, self._action(obj.spec.action))
        # The last is told again where it was told before: its hash is wanted.
        for index, entry in enumerate(entries):
            if index >= min(done, len(entries) - 1):
                head = await self._append(entry, uid) or head
                self._recorded[uid] = index + 1
        for remembered in (self._recorded, self._refused):
            while len(remembered) > REMEMBERED:
                remembered.popitem(last=False)
        return head

    def _action(self, name: str) -> Action | None:
        return self._catalog.get(name) if self._catalog is not None and name in self._catalog else None

    async def _append(self, entry: AuditEntry, uid: str) -> str | None:
        """The hash of the record; None where the store takes it in no form. Raises AuditUnavailable."""
        try:
            return (await self._store.append(entry)).hash
        except AuditRefused:
            pass
        try:
            return (await self._store.append(brief(entry))).hash
        except AuditRefused as error:
            self._refused[uid] = f"{entry.transition}: {error}"
            return None

    def _forget(self, request: Request, execution: KubernetesExecution) -> None:
        self._lag.caught_up(_key(request))
        self._recorded.pop(execution.uid or "", None)
        self._refused.pop(execution.uid or "", None)


def _key(request: Request) -> str:
    return f"{request.namespace}/{request.name}"


def _not_recorded(execution: KubernetesExecution, ctx: Context, reason: str, message: str) -> None:
    known, message = execution.status.condition(RECORDED), cut(message)
    if known is None or known.reason != reason:
        ctx.events.event(execution, reason, message, "Warning", action="Audit")
    execution.status.set_condition(RECORDED, False, reason=reason, message=message)


async def _write(execution: KubernetesExecution, ctx: Context) -> None:
    try:
        await ctx.client.update_status(execution)
    except NotFound:
        return
    except Conflict:
        # The execution controller wrote meanwhile; what was recorded stays recorded.
        raise RequeueError("the execution changed while it was recorded") from None


def audits(
    store: AuditStore, *, max_concurrent: int = 4, lag: AuditLag | None = None, catalog: Catalog | None = None
) -> Controller:
    """The controller that records executions; `ExecutionConfig.audited` lets none go before it is done.

    `lag` is a collector of metrics: register it where they are shown. `catalog` tells which parameters are opaque,
    beyond the usual ones: nothing of their text is recorded.
    """
    lag = lag or AuditLag()
    return Controller(
        KubernetesExecution,
        AuditReconciler(store, lag, catalog),
        name="audit",
        max_concurrent=max_concurrent,
        backoff=Backoff(cap=60.0),
        permissions=[Permission(["update"], KubernetesExecution, subresource="status", why="says what was recorded")],
    )
