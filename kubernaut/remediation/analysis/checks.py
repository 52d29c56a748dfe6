"""Checks a proposal, whoever made it: it is data, and nothing in it is carried out that was not looked at here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import ValidationError

from kubernaut.actions import Action, Invocation, ParameterError, Parameters, Target, UnknownAction
from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    AnsweredEvidence,
    AnsweredStep,
    unseen,
)
from kubernaut.remediation.analysis.config import AnalysisConfig
from kubernaut.remediation.analysis.reach import Reach
from kubernaut.remediation.analysis.types import Evidence, Proposal
from kubernaut.remediation.processing.texts import line
from kubernaut.remediation.workflow.types import MAX_STEPS, WorkflowStep
from kubernaut.resources import format_duration, parse_duration

MAX_EVIDENCE = 32
_SHOWN = 3
"""Problems that a reason tells."""
_NAME_BYTES = 63

Recommendation = Literal["proceed", "approve", "review"]
_CAUTION: dict[str, int] = {"proceed": 0, "approve": 1, "review": 2}


class Refused(ValueError):
    """A step, or the proposal as a whole, may not be carried out."""


def checked(result: AnalysisResult, question: AnalysisInput, config: AnalysisConfig) -> Proposal:
    """The proposal as it is stored, its texts redacted and cut.

    With a step that is not valid none is kept: the recommendation is `review`, and the reason says what was wrong.
    """
    reach = Reach.of(question, config.protected)
    result = _with_unseen(result, question)
    try:
        steps, doubts = _steps(result, reach, config)
    except Refused as error:
        return _proposal(result, [], "review", f"refused: {error}")
    return _proposal(result, steps, *_recommendation(result, steps, doubts, question, config))


def _with_unseen(result: AnalysisResult, question: AnalysisInput) -> AnalysisResult:
    """Whoever answered: that the target was not seen comes first of what is told, unless the answer says it."""
    told = unseen(question)
    if not told or told in result.root_cause:
        return result
    return result.model_copy(update={"evidence": [AnsweredEvidence(source="facts", text=told), *result.evidence]})


def _steps(result: AnalysisResult, reach: Reach, config: AnalysisConfig) -> tuple[list[WorkflowStep], list[str]]:
    """The steps, and what speaks for a person's approval. Raises Refused."""
    if len(result.steps) > MAX_STEPS:
        raise Refused(f"it has {len(result.steps)} steps, and a workflow has at most {MAX_STEPS}")
    size = len(json.dumps([step.model_dump(mode="json") for step in result.steps]).encode())
    if size > config.limits.proposal_bytes:
        raise Refused(f"its steps have {size} bytes, and at most {config.limits.proposal_bytes} are taken")
    problems, doubts, steps = [], [], []
    for index, step in enumerate(result.steps):
        where = f"steps[{index}] ({line(step.action, _NAME_BYTES)})"
        try:
            wanted, action, target = _step(step, reach, config)
        except Refused as error:
            problems.append(f"{where}: {error}")
            continue
        steps.append(wanted)
        if action.risk == "high":
            doubts.append(f"{action.name} is a high-risk action")
        if not reach.knows(target):
            doubts.append(f"{target} is not among the facts")
    problems += [] if problems else list(_order(steps))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise Refused("; ".join(problems[:_SHOWN]) + more)
    return steps, list(dict.fromkeys(doubts))


def _step(step: AnsweredStep, reach: Reach, config: AnalysisConfig) -> tuple[WorkflowStep, Action, Target]:
    """One step as a workflow has it, its target filled in. Raises Refused."""
    if len(step.action) > _NAME_BYTES:
        raise Refused("that is not the name of an action")
    try:
        action = config.catalog.get(step.action)
        parameters = config.catalog.parse(step.action, step.parameters)
        target = config.catalog.resolve_target(step.action, _given(step))
    except UnknownAction:
        known = ", ".join(config.catalog.names())
        raise Refused(f"there is no such action; known: {known}") from None
    except ParameterError as error:
        raise Refused(line(error)) from None
    if refusal := reach.refusal(target):
        raise Refused(refusal)
    if refusal := _made(action, target, parameters):
        raise Refused(refusal)
    _check_timeout(step, action, config.limits.step_timeout)
    try:
        wanted = WorkflowStep.from_dict({**step.model_dump(mode="json", by_alias=True), "target": target.to_dict()})
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        raise Refused(f"{'.'.join(str(part) for part in found['loc'])}: {line(found['msg'], 256)}") from None
    return wanted, action, target


def _given(step: AnsweredStep) -> dict[str, Any]:
    return {key: value for key, value in step.target.model_dump(by_alias=True).items() if value is not None}


def _made(action: Action, target: Target, parameters: Parameters) -> str | None:
    """Why an action may not make what it would make; a namespace itself is nobody's to act on."""
    try:
        made = action.creates(Invocation(target, parameters))
    except ParameterError as error:
        return line(error)
    except ValueError:
        # It needs the live object to tell: its own checks come before it runs.
        made = None
    if made is None and target.kind == "Namespace":
        return "a namespace itself may not be acted on"
    return None


def _check_timeout(step: AnsweredStep, action: Action, limit: timedelta) -> None:
    try:
        timeout = action.default_timeout if step.timeout is None else parse_duration(step.timeout)
    except ValueError as error:
        raise Refused(f"timeout: {line(error, 256)}") from None
    if not timedelta() < timeout <= limit:
        raise Refused(
            f"timeout: must be longer than 0s and at most {format_duration(limit)}, got {line(step.timeout, 63)}"
        )


def _order(steps: Sequence[WorkflowStep]) -> Iterator[str]:
    """What is wrong with the names and dependencies of steps."""
    names = [step.name for step in steps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two steps are named {name}"
    for step in steps:
        for other in step.depends_on:
            if other not in names:
                yield f"step {step.name} depends on {other}, which is no step"
    waiting = {step.name: set(step.depends_on) & set(names) for step in steps}
    while ready := [name for name, needed in waiting.items() if not needed]:
        waiting = {name: needed - set(ready) for name, needed in waiting.items() if name not in ready}
    if waiting:
        yield f"steps depend on each other in a circle: {', '.join(waiting)}"


def _recommendation(
    result: AnalysisResult,
    steps: Sequence[WorkflowStep],
    doubts: Sequence[str],
    question: AnalysisInput,
    config: AnalysisConfig,
) -> tuple[Recommendation, str]:
    """The most cautious of what the thresholds, the steps and the analyzer itself say, and why."""
    thresholds, told = config.thresholds, line(result.reason)
    found: list[tuple[Recommendation, str]] = []
    if not steps:
        found.append(("review", told or "nothing that could be done is proposed"))
    if result.confidence < thresholds.review:
        found.append(("review", f"confidence {result.confidence:.2f} is below {thresholds.review:g}"))
    if steps and question.recovery is not None and any(same(steps, each.steps) for each in question.recovery.previous):
        found.append(("review", "the same steps were proposed before, and did not help"))
    if result.confidence < thresholds.approve:
        found.append(("approve", f"confidence {result.confidence:.2f} is below {thresholds.approve:g}"))
    found += [("approve", doubt) for doubt in doubts]
    if result.recommendation in ("approve", "review"):
        found.append((result.recommendation, told or f"the analyzer recommends {result.recommendation}"))
    if not found:
        return "proceed", ""
    chosen = max((recommendation for recommendation, _ in found), key=lambda each: _CAUTION[each])
    reasons = [why for recommendation, why in found if recommendation == chosen]
    return chosen, "; ".join(dict.fromkeys(reasons))


def same(steps: Sequence[WorkflowStep], others: Sequence[WorkflowStep]) -> bool:
    """Whether both do the same, in the same order, whatever the steps are called."""
    return [_doing(step) for step in steps] == [_doing(step) for step in others]


def _doing(step: WorkflowStep) -> tuple[Any, ...]:
    return step.action, step.target.kind, step.target.namespace, step.target.name, step.parameters


def _proposal(
    result: AnalysisResult, steps: list[WorkflowStep], recommendation: Recommendation, reason: str
) -> Proposal:
    evidence = [
        Evidence(source=line(each.source, 253), text=line(each.text)) for each in result.evidence[:MAX_EVIDENCE]
    ]
    return Proposal(
        root_cause=line(result.root_cause),
        confidence=result.confidence,
        evidence=evidence,
        steps=steps,
        recommendation=recommendation,
        reason=line(reason),
    )
