"""Empties the outbox: a controller of its own, so that a store which is away delays nothing but itself."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from pydantic import ValidationError

from kubernaut.audit import AuditRefused, AuditStore, AuditUnavailable
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
from kubernaut.remediation.execution.auditing.entries import entries_of
from kubernaut.remediation.execution.auditing.lag import AuditLag
from kubernaut.remediation.execution.types import KubernetesExecution, Phase
from kubernaut.resources import stamp_conditions

RECORDED = "AuditRecorded"
TERMINAL = (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED)
REMEMBERED = 10_000
"""Executions of which it is remembered how much was recorded; of others everything is told again, harmlessly."""
RETRY = timedelta(seconds=15)


class AuditReconciler:
    """Records the transitions that the status holds, in their order.

    Guarantees: each is recorded at least once before the execution may go, across crashes and outages; the store makes
    that exactly once. The condition AuditRecorded is true when a terminal execution is recorded whole, and false, with
    the reason, while the store is away.

    It reads and writes by itself: a typed reconciler would write an observed generation into every new execution, and
    meet the execution controller's own first write there.
    """

    def __init__(self, store: AuditStore, lag: AuditLag) -> None:
        self._store = store
        self._lag = lag
        self._recorded: OrderedDict[str, int] = OrderedDict()

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Tell the store what it has not been told; while it is away, try again. Raises ApiError."""
        try:
            execution = ctx.cache.get(KubernetesExecution, request.name, request.namespace)
        except NotFound:
            return None
        except ValidationError as error:
            raise TerminalError(f"cannot be read: {error}") from error
        status = execution.status
        if status.recorded_transitions >= len(status.transitions):
            self._recorded.pop(execution.uid or "", None)
            return None
        before = [condition.model_copy() for condition in status.conditions]
        result = await self._tell(execution, ctx)
        if status.conditions != before:
            stamp_conditions(before, status.conditions, ctx.clock.now(), execution.metadata.generation)
            await _write(execution, ctx)
        return result

    async def _tell(self, execution: KubernetesExecution, ctx: Context) -> Result | None:
        """Record what is missing; the status of `execution` then says how it went."""
        status, uid = execution.status, execution.uid or ""
        try:
            head = await self._record(execution)
        except (AuditUnavailable, AuditRefused) as error:
            reason = "AuditRefused" if isinstance(error, AuditRefused) else "StoreUnavailable"
            if not (condition := status.condition(RECORDED)) or condition.reason != reason:
                ctx.events.event(execution, reason, str(error), "Warning", action="Audit")
            status.set_condition(RECORDED, False, reason=reason, message=str(error))
            first = min(self._recorded.get(uid, 0), len(status.transitions) - 1)
            self._lag.behind(uid, status.transitions[first].time)
            return Result(requeue_after=RETRY)
        self._lag.caught_up(uid)
        if status.phase in TERMINAL:
            status.recorded_transitions = len(status.transitions)
            message = f"{len(status.transitions)} transitions, the last with hash {head}"
            status.set_condition(RECORDED, True, reason="Recorded", message=message)
        elif status.condition(RECORDED) is not None:
            # The store was away and is back.
            status.remove_condition(RECORDED)
        return None

    async def _record(self, obj: KubernetesExecution) -> str:
        uid, head = obj.uid or "", ""
        done = self._recorded.get(uid, 0)
        entries = entries_of(obj)
        # The last is told again where it was told before: its hash is wanted.
        for index, entry in enumerate(entries):
            if index >= min(done, len(entries) - 1):
                head = (await self._store.append(entry)).hash
                self._recorded[uid] = index + 1
        while len(self._recorded) > REMEMBERED:
            self._recorded.popitem(last=False)
        return head


async def _write(execution: KubernetesExecution, ctx: Context) -> None:
    try:
        await ctx.client.update_status(execution)
    except NotFound:
        return
    except Conflict:
        # The execution controller wrote meanwhile; what was recorded stays recorded.
        raise RequeueError("the execution changed while it was recorded") from None


def audits(store: AuditStore, *, max_concurrent: int = 4, lag: AuditLag | None = None) -> Controller:
    """The controller that records executions; `ExecutionConfig.audited` lets none go before it is done.

    `lag` is a collector of metrics: register it where they are shown.
    """
    lag = lag or AuditLag()
    return Controller(
        KubernetesExecution,
        AuditReconciler(store, lag),
        name="audit",
        max_concurrent=max_concurrent,
        backoff=Backoff(cap=60.0),
        permissions=[Permission(["update"], KubernetesExecution, subresource="status", why="says what was recorded")],
    )
