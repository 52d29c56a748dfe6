"""The phase table of analyses."""

from __future__ import annotations

from kubernaut.remediation.analysis.asking import Ask, analyzing, no_answer
from kubernaut.remediation.analysis.types import Phase
from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.machine.verdicts import Verdict, Wait


async def terminal(step: Ask) -> Verdict:
    """Nothing is left to do."""
    return Wait()


PHASES = PhaseTable[Ask](
    {
        Phase.ANALYZING: PhaseRow(
            analyzing,
            next=frozenset({Phase.COMPLETED, Phase.FAILED}),
            limit=lambda step: step.config.limits.analyzing,
            expired=no_answer,
            summary="facts, the analyzer, and checks of what it says",
        ),
        Phase.COMPLETED: PhaseRow(terminal, summary="the proposal is in the status"),
        Phase.FAILED: PhaseRow(terminal),
    },
    first=Phase.ANALYZING,
    failed=Phase.FAILED,
)
