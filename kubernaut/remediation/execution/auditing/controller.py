"""Empties the outbox: a controller of its own, so that a store which is away delays nothing but itself."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from kubernaut.audit import AuditRefused, AuditStore, AuditUnavailable
from kubernaut.reconcile import Backoff, Context, Controller, Reconciler, Result
from kubernaut.remediation.execution.auditing.entries import entries_of
from kubernaut.remediation.execution.auditing.lag import AuditLag
from kubernaut.remediation.execution.types import KubernetesExecution, Phase

RECORDED = "AuditRecorded"
TERMINAL = (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED)
REMEMBERED = 10_000
"""Executions of which it is remembered how much was recorded; of others everything is told again, harmlessly."""
RETRY = timedelta(seconds=15)


class AuditReconciler(Reconciler[KubernetesExecution]):
    """Records the transitions that the status holds, in their order.

    Guarantees: each is recorded at least once before the execution may go, across crashes and outages; the store makes
    that exactly once. The condition AuditRecorded is true when a terminal execution is recorded whole, and false, with
    the reason, while the store is away.
    """

    def __init__(self, store: AuditStore, lag: AuditLag) -> None:
        self._store = store
        self._lag = lag
        self._recorded: OrderedDict[str, int] = OrderedDict()

    async def reconcile(self, obj: KubernetesExecution, ctx: Context) -> Result | None:
        """Tell the store what it has not been told; an outage is tried again with back-off."""
        status = obj.status
        if status.recorded_transitions >= len(status.transitions):
            self._recorded.pop(obj.uid or "", None)
            return None
        try:
            head = await self._record(obj)
        except (AuditUnavailable, AuditRefused) as error:
            refused = isinstance(error, AuditRefused)
            reason = "AuditRefused" if refused else "StoreUnavailable"
            if not (condition := status.condition(RECORDED)) or condition.reason != reason:
                ctx.events.event(obj, reason, str(error), "Warning", action="Audit")
            status.set_condition(RECORDED, False, reason=reason, message=str(error))
            first = min(self._recorded.get(obj.uid or "", 0), len(status.transitions) - 1)
            self._lag.behind(obj.uid or "", status.transitions[first].time)
            return Result(requeue_after=RETRY)
        self._lag.caught_up(obj.uid or "")
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
    )
