"""The analyzer that ships with kubernaut: typed rules, of which the surest that holds is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kubernaut.actions import Catalog
from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    AnsweredEvidence,
    AnsweredStep,
    AnsweredTarget,
    unseen,
)
from kubernaut.remediation.analysis.rules.loading import RuleSet, check_actions, load_rules, shipped_rules
from kubernaut.remediation.analysis.rules.matching import Found, find
from kubernaut.remediation.analysis.rules.model import OtherTarget, Rule, StepTemplate
from kubernaut.remediation.analysis.rules.templates import MissingFact, Value
from kubernaut.remediation.analysis.rules.values import values_of
from kubernaut.resources.builtin.autoscaling_v2 import HorizontalPodAutoscaler

_OTHERS = 3
"""Rules beside the chosen one that the evidence tells of."""
UNKNOWN = "no rule knows this situation"


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that holds, and what it proposes."""

    rule: Rule
    root_cause: str
    evidence: tuple[str, ...]
    steps: tuple[AnsweredStep, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that holds, and is left out: this action of it was tried already."""

    rule: Rule
    action: str


class RuleAnalyzer:
    """Asks each rule in turn. Pure: it reads nothing but the question, and waits for nothing.

    The rule of the highest confidence is chosen, the first of equals. A rule whose texts name facts that are not there
    is passed over, as is one that was tried before (see `Rule.skip_if_tried`).
    """

    name = "rules"

    def __init__(self, rules: RuleSet, *, catalog: Catalog | None = None) -> None:
        """With a `catalog`, raises RuleError for actions and parameters that it does not know."""
        self._rules = rules
        if catalog is not None:
            check_actions(rules.rules, catalog)

    @classmethod
    def shipped(cls) -> Self:
        """The rules that come with kubernaut."""
        return cls(shipped_rules())

    @classmethod
    def load(cls, *paths: str | Path, shipped: bool = True, catalog: Catalog | None = None) -> Self:
        """Rules of files and folders, before those that come with kubernaut. Raises RuleError."""
        return cls(load_rules(*paths, shipped=shipped), catalog=catalog)

    @property
    def rules(self) -> Sequence[Rule]:
        """In their order."""
        return self._rules.rules

    @property
    def revision(self) -> str:
        """Changes with any of the rules."""
        return self._rules.revision

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        """Never raises; where no rule holds, the confidence is 0 and there are no steps."""
        held, tried = self._held(question)
        if not held:
            root_cause = unseen(question) or "; ".join(map(_told_tried, tried[: _OTHERS + 1])) or UNKNOWN
            return AnalysisResult(root_cause=root_cause, confidence=0, revision=self.revision, analyzer=self.name)
        chosen = max(held, key=lambda each: each.rule.propose.confidence)
        others = [each for each in held if each is not chosen][:_OTHERS]
        evidence = [_evidence(f"rule/{chosen.rule.name}", chosen.rule.about or "holds")]
        evidence += [_evidence(*_parted(told)) for told in chosen.evidence]
        for each in others:
            told = f"holds as well, with confidence {each.rule.propose.confidence:g}: {each.root_cause}"
            evidence.append(_evidence(f"rule/{each.rule.name}", told))
        propose = chosen.rule.propose
        return AnalysisResult(
            root_cause=chosen.root_cause,
            confidence=propose.confidence,
            evidence=evidence,
            steps=list(chosen.steps),
            recommendation=propose.recommendation,
            reason=propose.reason,
            revision=self.revision,
            analyzer=self.name,
        )

    def held(self, question: AnalysisInput) -> Iterator[Held]:
        """Every rule that holds and can propose, in their order."""
        yield from self._held(question)[0]

    def _held(self, question: AnalysisInput) -> tuple[list[Held], list[Tried]]:
        """Every rule that holds and can propose; and those that were left out because they were tried before."""
        able: list[Held] = []
        tried: list[Tried] = []
        for rule in self.rules:
            found = find(rule.match, question)
            if found is None or (rule.unless is not None and find(rule.unless, question) is not None):
                continue
            try:
                held = _propose(rule, found, question)
            except MissingFact:
                continue
            before = _tried(held.steps, question) if rule.skip_if_tried else None
            if before is None:
                able.append(held)
            else:
                tried.append(Tried(rule, before.action))
        return able, tried


def _propose(rule: Rule, found: Found, question: AnalysisInput) -> Held:
    """Raises MissingFact."""
    values = values_of(found, question)
    told = (*found.told, *(text.text(values) for text in rule.propose.evidence))
    steps = tuple(_step(step, found, question, values) for step in rule.propose.steps)
    return Held(rule, rule.propose.root_cause.text(values), told, steps)


def _step(step: StepTemplate, found: Found, question: AnalysisInput, values: dict[str, Value]) -> AnsweredStep:
    parameters = {
        name: value if isinstance(value, int) else value.parameter(values) for name, value in step.parameters.items()
    }
    return AnsweredStep(
        name=step.name,
        action=step.action,
        target=_target(step.target, found, question, values),
        parameters=parameters,
        depends_on=list(step.depends_on),
        timeout=step.timeout,
        retries=step.retries,
        on_failure=step.on_failure,
    )


def _target(
    wanted: str | OtherTarget, found: Found, question: AnalysisInput, values: dict[str, Value]
) -> AnsweredTarget:
    """Raises MissingFact where the rule was held by nothing of that kind."""
    namespace = question.target.namespace
    if isinstance(wanted, OtherTarget):
        name = str(wanted.name.parameter(values))
        return AnsweredTarget(api_version=wanted.api_version, kind=wanted.kind, namespace=namespace, name=name)
    if wanted == "pod" and found.pod is not None:
        return AnsweredTarget(kind="Pod", namespace=found.pod.namespace or namespace, name=found.pod.name)
    if wanted == "node" and found.node is not None:
        return AnsweredTarget(kind="Node", name=found.node.name)
    if wanted == "autoscaler" and found.autoscaler is not None:
        version = HorizontalPodAutoscaler.resource_type.api_version
        kind, name = HorizontalPodAutoscaler.resource_type.kind, found.autoscaler.name
        return AnsweredTarget(api_version=version, kind=kind, namespace=namespace, name=name)
    if wanted == "workload" and found.workload is not None:
        return AnsweredTarget(kind=found.workload.kind, namespace=found.workload.namespace, name=found.workload.name)
    if wanted in ("target", "workload"):
        target = question.target
        return AnsweredTarget(
            api_version=target.api_version, kind=target.kind, namespace=target.namespace, name=target.name
        )
    raise MissingFact(wanted)


def _tried(steps: Sequence[AnsweredStep], question: AnalysisInput) -> AnsweredStep | None:
    """The first of the steps that failed before, or was proposed before for the same object."""
    recovery = question.recovery
    if recovery is None:
        return None
    before = {(step.action, step.target.kind, step.target.name) for each in recovery.previous for step in each.steps}
    for step in steps:
        if step.action == recovery.failed_action or (step.action, step.target.kind, step.target.name) in before:
            return step
    return None


def _told_tried(tried: Tried) -> str:
    return f"rule {tried.rule.name} holds, but {tried.action} was tried already"


def _parted(told: str) -> tuple[str, str]:
    source, parted, text = told.partition(": ")
    return (source, text) if parted and "/" in source and " " not in source else ("facts", told)


def _evidence(source: str, text: str) -> AnsweredEvidence:
    return AnsweredEvidence(source=source, text=text)
