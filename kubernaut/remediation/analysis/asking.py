"""Phase `analyzing`: waits for the facts, asks the analyzer, checks what it says; tries again while that may help."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from kubernaut.client import NotFound
from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    AnalyzerError,
    AnalyzerUnavailable,
    Recovery,
    offers,
)
from kubernaut.remediation.analysis.checks import checked
from kubernaut.remediation.analysis.config import AnalysisConfig
from kubernaut.remediation.analysis.reasons import AVAILABLE, Reason
from kubernaut.remediation.analysis.types import AIAnalysis, AIAnalysisStatus, Phase, Proposal
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move, Verdict, Wait
from kubernaut.remediation.processing.texts import line
from kubernaut.remediation.processing.types import Facts, RemediationProcessing
from kubernaut.remediation.processing.types import Phase as ProcessingPhase
from kubernaut.remediation.signals import Signal

_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Ask(Step[AIAnalysis]):
    """One reconcile of one analysis."""

    doing: ClassVar[str] = "Analyze"

    config: AnalysisConfig

    @property
    def status(self) -> AIAnalysisStatus:
        return self.obj.status


async def analyzing(step: Ask) -> Verdict:
    """One call at a time: a reconcile makes it and waits for it, and is cancelled with it."""
    status = step.status
    if wait := _left(step, status.next_attempt, step.config.limits.analyzing):
        return Wait(wait)
    facts = await _facts(step)
    if isinstance(facts, Wait):
        return facts
    question = await _question(step, facts)
    status.attempts += 1
    try:
        result = await _call(step, question)
    except AnalyzerUnavailable as error:
        return _again(step, error)
    except AnalyzerError as error:
        return Fail(Reason.ANALYZER_FAILED, f"{step.config.analyzer.name}: {line(error)}")
    status.next_attempt = None
    status.remove_condition(AVAILABLE)
    status.analyzer = cut(result.analyzer or step.config.analyzer.name, 253)
    status.revision = line(result.revision, 253)
    status.proposal = proposal = checked(result, question, step.config)
    return Move(Phase.COMPLETED, _summary(proposal))


def no_answer(step: Ask) -> Fail:
    """The failure of an analysis that outlived its deadline: what the analyzer said last."""
    waiting = step.status.condition(AVAILABLE)
    why = f": {waiting.message}" if waiting is not None else ""
    return Fail(Reason.ANALYZER_UNAVAILABLE, f"no answer by {step.phased.deadline:%Y-%m-%dT%H:%M:%SZ}{why}")


async def _facts(step: Ask) -> Facts | Wait | None:
    """The facts of the processing that the spec names, read live; None where there will be none."""
    reference = step.obj.spec.processing_ref
    if reference is None:
        return None
    found: RemediationProcessing | None
    try:
        found = await step.ctx.client.get(RemediationProcessing, reference.name, namespace=step.obj.namespace)
    except NotFound:
        found = None
    if found is not None and reference.uid not in (None, found.uid):
        found = None
    if found is not None and found.status.phase in (ProcessingPhase.COMPLETED, ProcessingPhase.FAILED):
        return found.status.facts
    began = step.phased.transitions[-1].time if step.phased.transitions else step.now
    left = _left(step, began + step.config.limits.facts, step.config.limits.facts)
    return Wait(min(2 * SOON, left)) if left else None


def _left(step: Ask, until: datetime | None, longest: timedelta) -> timedelta | None:
    """How long it is until then; None when it is past, or farther than it can be: the clock was set back."""
    left = until - step.now if until is not None else timedelta()
    return left if timedelta() < left <= longest else None


async def _question(step: Ask, facts: Facts | None) -> AnalysisInput:
    spec = step.obj.spec
    return AnalysisInput(
        signal=_told(spec.signal),
        target=spec.target,
        asked_at=step.now,
        facts=facts,
        recovery=await _recovery(step) if spec.is_recovery_attempt else None,
        actions=offers(step.config.catalog),
    )


def _told(signal: Signal) -> Signal:
    """What monitoring said, redacted as the facts are: it may leave the cluster."""
    labels = {key: line(value) for key, value in signal.labels.items()}
    annotations = {key: line(value) for key, value in signal.annotations.items()}
    return signal.model_copy(update={"labels": labels, "annotations": annotations})


async def _recovery(step: Ask) -> Recovery:
    """What was tried before. An earlier analysis that is gone is left out: less is known then, and nothing breaks."""
    spec, previous = step.obj.spec, []
    for reference in spec.previous_ai_analysis_refs:
        try:
            found = await step.ctx.client.get(AIAnalysis, reference.name, namespace=step.obj.namespace)
        except NotFound:
            continue
        if found.status.proposal is not None and reference.uid in (None, found.uid):
            previous.append(found.status.proposal)
    return Recovery(
        attempt=spec.recovery_attempt_number,
        failed_step=spec.failed_step,
        failed_action=spec.failed_action,
        failure_reason=line(spec.failure_reason) or None,
        error_type=spec.error_type,
        previous=previous,
    )


async def _call(step: Ask, question: AnalysisInput) -> AnalysisResult:
    """Raises AnalyzerError; AnalyzerUnavailable also when the time is up."""
    limit = step.config.limits.call
    if step.phased.deadline is not None:
        limit = max(min(limit, step.phased.deadline - step.now), timedelta(milliseconds=1))
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await step.config.analyzer.analyze(question)
    except TimeoutError:
        raise AnalyzerUnavailable(f"no answer within {limit.total_seconds():g} s") from None


def _again(step: Ask, error: AnalyzerUnavailable) -> Wait:
    """After a while that doubles, or what the analyzer asked for; the time is in the status, and survives a restart."""
    limits, status = step.config.limits, step.status
    exponent = min(status.attempts - 1, 16)
    wait = min(limits.first_retry * 2**exponent, limits.last_retry)
    wait = max(wait * (1 + _JITTER * step.ctx.random.random()), error.retry_after or timedelta())
    wait = min(wait, limits.analyzing - SOON)
    message = f"{step.config.analyzer.name}: {line(error)}"
    if not status.condition(AVAILABLE):
        step.event(Reason.ANALYZER_UNAVAILABLE, message, warning=True)
    status.set_condition(AVAILABLE, False, reason=Reason.ANALYZER_UNAVAILABLE, message=message)
    # The API keeps whole seconds.
    status.next_attempt = (step.now + wait).replace(microsecond=0) + SOON
    return Wait(status.next_attempt - step.now)


def _summary(proposal: Proposal) -> str:
    actions = ", ".join(f"{step.action} {step.target.kind} {step.target.name}" for step in proposal.steps) or "nothing"
    told = f"{proposal.recommendation}: {actions} (confidence {proposal.confidence:.2f}): {proposal.root_cause}"
    return f"{told}; {proposal.reason}" if proposal.reason else told
