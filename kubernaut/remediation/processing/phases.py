"""The phase table: facts are gathered in one go; only where the target could not be read is that tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.machine.verdicts import Fail, Move, Verdict, Wait
from kubernaut.remediation.processing.config import ProcessingConfig
from kubernaut.remediation.processing.gathering import gather
from kubernaut.remediation.processing.reading import Gathering
from kubernaut.remediation.processing.reasons import Reason
from kubernaut.remediation.processing.types import Facts, Phase, RemediationProcessing


@dataclass(frozen=True, slots=True)
class Look(Step[RemediationProcessing]):
    """One reconcile of one processing."""

    doing: ClassVar[str] = "Gather"

    config: ProcessingConfig


async def gathering(step: Look) -> Verdict:
    """Read everything once. What is missing does not fail it: the facts say so.

    Only the target is worth another try.
    """
    spec = step.obj.spec
    under_way = Gathering(step.ctx.client, step.config, spec.signal, spec.target, step.obj.namespace)
    deadline, least = step.phased.deadline, 2 * step.config.limits.read
    facts = await gather(under_way, max(deadline - step.now, least) if deadline is not None else least)
    if "target" in under_way.passing:
        if not step.expired:
            return Wait(step.config.limits.retry)
        if under_way.read == 0:
            why = "; ".join(f"{name}: {reason}" for name, reason in facts.missing.items())
            return Fail(Reason.NOTHING_READ, f"nothing could be read in time: {why}")
    step.obj.status.facts = facts
    return Move(Phase.COMPLETED, _summary(facts))


async def terminal(step: Look) -> Verdict:
    """Nothing is left to do."""
    return Wait()


def _nothing_read(step: Look) -> Fail:
    return Fail(Reason.NOTHING_READ, f"nothing could be read by {step.phased.deadline:%Y-%m-%dT%H:%M:%SZ}")


def _summary(facts: Facts) -> str:
    counted = (("pod", facts.pods), ("event", facts.events), ("revision", facts.revisions), ("node", facts.nodes))
    told = ", ".join(f"{len(found)} {what}{'s' if len(found) != 1 else ''}" for what, found in counted)
    return f"found {told}" + (f"; missing: {', '.join(facts.missing)}" if facts.missing else "")


PHASES = PhaseTable[Look](
    {
        Phase.GATHERING: PhaseRow(
            gathering,
            next=frozenset({Phase.COMPLETED, Phase.FAILED}),
            limit=lambda step: step.config.limits.gathering,
            expired=_nothing_read,
            late=True,
            summary="reads, each of them optional",
        ),
        Phase.COMPLETED: PhaseRow(terminal, summary="the facts are in the status"),
        Phase.FAILED: PhaseRow(terminal),
    },
    first=Phase.GATHERING,
    failed=Phase.FAILED,
)
