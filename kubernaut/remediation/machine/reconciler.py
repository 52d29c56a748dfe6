"""The reconciler of a phase table: asks the handler of the present phase, and writes its verdict down."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from kubernaut.reconcile import Context, Reconciler, Result, TerminalError
from kubernaut.remediation.machine.errors import failure_of, passes
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import POLL, SOON, Fail, Move, Verdict, Wait
from kubernaut.resources import Resource

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound=Step[Any])

UNKNOWN_PHASE = "UnknownPhase"


class PhaseReconciler(Reconciler[R], Generic[R, S]):
    """One handler of one object per reconcile; each phase's status is written before the next begins.

    Every failure ends in the status: only transient API errors are raised, to be retried, and until the deadline of
    the phase all others too where it is patient. A phase that the table does not know (of a newer version) is a
    condition; nothing is done. A derived class gives `table` and `step`, and may add to `entering` and `failing`.
    """

    table: ClassVar[Any]
    """A `PhaseTable[S]`."""
    poll: timedelta = POLL

    @abstractmethod
    def step(self, obj: R, ctx: Context) -> S:
        """What the handlers of this kind work with."""

    async def reconcile(self, obj: R, ctx: Context) -> Result | None:
        """Raises only transient API errors, to be retried; every other failure is in the status."""
        step = self.step(obj, ctx)
        self.observe(step)
        phase = step.phased.current_phase
        if phase is None:
            step.phased.start_time = step.now
            return self._settle(step, Move(self._table.first))
        row = self._table.get(phase)
        if row is None:
            _unknown_phase(step)
            return None
        step.phased.remove_condition(UNKNOWN_PHASE)
        _bound_deadline(step, row)
        result = self._settle(step, await _ask(step, row))
        self.bound(step)
        return result

    def observe(self, step: S) -> None:
        """Called first in every reconcile, for metrics."""

    def entering(self, step: S, move: Move) -> None:
        """Called when a phase is entered, the phase and its deadline being set; sets the conditions."""
        row = self._table[move.phase]
        reason, message = move.reason or word(move.phase), cut(move.message)
        if row.entered is not None:
            step.phased.set_condition(row.entered, True, reason=reason, message=message)
        step.phased.set_condition("Ready", row.terminal, reason=reason, message=message)

    def describe(self, step: S, move: Move) -> str:
        """What the Event of entering a phase says where the move has no message."""
        return str(move.phase)

    def failing(self, step: S, row: PhaseRow[S], failure: Fail) -> None:
        """Called when the object fails, the phase being set; sets the conditions."""
        message = cut(failure.message)
        step.phased.set_condition(row.condition, False, reason=failure.reason, message=message)
        step.phased.set_condition("Ready", False, reason=failure.reason, message=message)

    def bound(self, step: S) -> None:
        """Cut what repeats the words of users and servers: a status that is too large cannot be written."""
        for condition in step.phased.conditions:
            condition.message = cut(condition.message)

    def fail(self, step: S, row: PhaseRow[S], failure: Fail) -> None:
        """Write a failure down."""
        status, message = step.phased, cut(failure.message)
        status.enter(self._table.failed)
        status.reason, status.message = str(failure.reason), message
        status.deadline, status.completion_time = None, step.now
        self.failing(step, row, failure)
        step.record(self._table.failed, reason=failure.reason, message=message)
        step.event(failure.reason, message, warning=True)
        step.ctx.log.info("entered a phase", phase=self._table.failed, reason=str(failure.reason))

    @property
    def _table(self) -> PhaseTable[S]:
        table: PhaseTable[S] = self.table
        return table

    def _settle(self, step: S, verdict: Verdict) -> Result | None:
        phase = step.phased.current_phase
        row = self._table.get(phase or "")
        if isinstance(verdict, Wait):
            return self._requeue(step, row, verdict.after)
        target = self._table.failed if isinstance(verdict, Fail) else str(verdict.phase)
        if row is not None and target not in row.next:
            raise TerminalError(f"phase {target} cannot follow {phase}")
        if isinstance(verdict, Fail):
            if row is not None:
                self.fail(step, row, verdict)
        else:
            self._enter(step, verdict)
        return Result(requeue_after=self.poll)

    def _requeue(self, step: S, row: PhaseRow[S] | None, after: timedelta | None) -> Result | None:
        if row is not None and row.terminal:
            return Result(requeue_after=after) if after is not None else None
        wait = after if after is not None else self.poll
        deadline = step.phased.deadline
        if deadline is not None and not step.expired:
            wait = min(wait, deadline - step.now + SOON)
        return Result(requeue_after=wait)

    def _enter(self, step: S, move: Move) -> None:
        status, row = step.phased, self._table[move.phase]
        status.enter(move.phase)
        limit = row.limit(step) if row.limit else None
        status.deadline = step.now + limit if limit is not None else None
        if row.terminal:
            status.completion_time = step.now
        self.entering(step, move)
        message = cut(move.message)
        step.record(move.phase, reason=move.reason, message=message)
        step.event(move.reason or word(move.phase), message or self.describe(step, move))
        step.ctx.log.info("entered a phase", phase=str(move.phase), reason=str(move.reason or word(move.phase)))


def word(phase: str) -> str:
    """A phase as a reason: `rolling_back` is `RollingBack`."""
    return "".join(part.title() for part in str(phase).split("_"))


def phases_of(table: PhaseTable[Any]) -> Mapping[str, tuple[str, ...]]:
    """Which phases may follow which."""
    return {phase: tuple(sorted(str(each) for each in row.next)) for phase, row in table.items()}


def _bound_deadline(step: S, row: PhaseRow[S]) -> None:
    """A clock that was set back since the phase began does not add to its limit: it begins anew."""
    status = step.phased
    if (
        status.deadline is None
        or row.limit is None
        or not status.transitions
        or status.transitions[-1].time <= step.now
    ):
        return
    try:
        limit = row.limit(step)
    except Exception as error:
        # The handler meets the same, and says so in the status.
        step.ctx.log.debug("the limit of the phase is not known", error=str(error))
        return
    if limit is not None:
        status.deadline = min(status.deadline, step.now + limit)


async def _ask(step: S, row: PhaseRow[S]) -> Verdict:
    """The handler's verdict, with the phase's deadline and unexpected errors turned into failures."""
    late = step.expired and row.expired is not None
    if late and not row.late and row.expired is not None:
        return row.expired(step)
    try:
        verdict = await row.handler(step)
    except TerminalError:
        raise
    except Exception as error:
        # Past the deadline nothing is retried that may last.
        if late and row.expired is not None:
            failure = row.expired(step)
            last = failure_of(error).cause
            return Fail(failure.reason, f"{failure.message} (last error: {last})", last)
        if passes(error) or row.terminal or (row.patient(step) and not step.expired):
            raise
        step.ctx.log.warning("the phase failed", phase=step.phased.current_phase, error=str(error), exc_info=True)
        return failure_of(error)
    if late and isinstance(verdict, Wait) and row.expired is not None:
        return row.expired(step)
    return verdict


def _unknown_phase(step: Step[Any]) -> None:
    phase, status = step.phased.current_phase, step.phased
    message = f"phase {cut(str(phase), 63)!r} is not known to this version; nothing is done"
    if not status.is_true(UNKNOWN_PHASE):
        status.set_condition(UNKNOWN_PHASE, True, reason=UNKNOWN_PHASE, message=message)
        step.event(UNKNOWN_PHASE, message, warning=True)
