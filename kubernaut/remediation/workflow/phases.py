"""The phase table: each phase with its handler, the phases that may follow it, and its limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubernaut.remediation.execution.lock import release_workflow
from kubernaut.remediation.execution.lock.holders import LABEL_HOLDER
from kubernaut.remediation.machine import SOON, PhaseRow, PhaseTable, Verdict, Wait
from kubernaut.remediation.workflow.executing import executing
from kubernaut.remediation.workflow.failing import end
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.monitoring.phase import monitoring
from kubernaut.remediation.workflow.planning.phase import planning, planning_expired
from kubernaut.remediation.workflow.reasons import RELEASED
from kubernaut.remediation.workflow.rolling_back import rolling_back
from kubernaut.remediation.workflow.types import Phase
from kubernaut.remediation.workflow.validation.phase import validating, validation_expired, validation_limit
from kubernaut.remediation.workflow.work import Work
from kubernaut.resources.builtin.coordination_v1 import Lease


async def terminal(work: Work) -> Verdict:
    """Let go of the targets, in a later reconcile than the one that stored the end."""
    if work.status.is_true(RELEASED) and not _has_late_leases(work):
        return Wait()
    if not await release_workflow(work.ctx.client, work.config.execution.executor_namespace, work.uid):
        return Wait(2 * SOON)
    work.status.set_condition(RELEASED, True, reason="Ended", message="no target is held any more")
    return Wait()


def _has_late_leases(work: Work) -> bool:
    """Of those that were on their way while another leader let go of all that it found."""
    namespace = work.config.execution.executor_namespace
    return bool(work.ctx.cache.heads(Lease, namespace=namespace, labels={LABEL_HOLDER: work.uid}))


def _patient(work: Work) -> bool:
    """What is under way comes to its end; every step has a deadline of its own."""
    return True


def _within(
    handler: Callable[[Work], Awaitable[Verdict]], expired: Callable[[Work], Failure]
) -> Callable[[Work], Awaitable[Verdict]]:
    """The handler until the phase's deadline, then the failure, with all that is noted of one."""

    async def bounded(work: Work) -> Verdict:
        return await (end(work, expired(work)) if work.expired else handler(work))

    return bounded


PHASES = PhaseTable[Work](
    {
        Phase.PLANNING: PhaseRow(
            _within(planning, planning_expired),
            next=frozenset({Phase.VALIDATING, Phase.FAILED}),
            limit=lambda work: work.config.limits.planning,
            condition="Planned",
            summary="order and time limits",
        ),
        Phase.VALIDATING: PhaseRow(
            _within(validating, validation_expired),
            next=frozenset({Phase.EXECUTING, Phase.FAILED}),
            limit=validation_limit,
            condition="Validated",
            entered="Planned",
            summary="every step, and the targets' turn",
        ),
        Phase.EXECUTING: PhaseRow(
            executing,
            next=frozenset({Phase.MONITORING, Phase.ROLLING_BACK, Phase.FAILED}),
            patient=_patient,
            condition="Executed",
            entered="Validated",
            summary="an execution for each step",
        ),
        Phase.MONITORING: PhaseRow(
            monitoring,
            next=frozenset({Phase.COMPLETED, Phase.ROLLING_BACK, Phase.FAILED}),
            limit=lambda work: work.config.limits.monitoring,
            patient=_patient,
            condition="Healthy",
            entered="Executed",
            summary="is the target healthy, and stays so",
        ),
        Phase.ROLLING_BACK: PhaseRow(
            rolling_back,
            next=frozenset({Phase.FAILED}),
            patient=_patient,
            condition="Healthy",
            summary="the inverse of each step, the last first",
        ),
        Phase.COMPLETED: PhaseRow(terminal, entered="Healthy", summary="done, and healthy"),
        Phase.FAILED: PhaseRow(terminal),
    },
    first=Phase.PLANNING,
    failed=Phase.FAILED,
)
