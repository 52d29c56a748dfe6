"""The rules as they are written: what must hold, and what is proposed then. Typed, strict, and never evaluated."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, model_validator
from pydantic.alias_generators import to_camel

from kubernaut.remediation.analysis.rules.templates import Template
from kubernaut.remediation.workflow.types import StepName
from kubernaut.resources import parse_duration

Words = Annotated[list[Annotated[StrictStr, Field(min_length=1, max_length=253)]], Field(min_length=1, max_length=64)]
"""One of these. In names of signals and in labels `*` stands for any characters."""


def _span(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Span = Annotated[timedelta, BeforeValidator(_span), Field(gt=timedelta())]


class Strict(BaseModel):
    """A part of a rule file. What is misspelt is an error, not a condition that always holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, arbitrary_types_allowed=True)


class ContainerMatch(Strict):
    """One container for which all of this holds."""

    waiting: Words | None = None
    """The reason for which it waits, such as `CrashLoopBackOff`."""
    terminated: Words | None = None
    """The reason for which it ended, now or last, such as `OOMKilled`."""
    exit_codes: Annotated[list[StrictInt], Field(min_length=1, max_length=64)] | None = None
    restarts_at_least: Annotated[StrictInt, Field(ge=0)] | None = None
    logs: Words | None = None
    """Texts of which its last lines hold one."""


class PodMatch(Strict):
    """One pod for which all of this holds; with a `container` beside it, the pod of that container."""

    phases: Words | None = None
    ready: bool | None = None
    reasons: Words | None = None
    """What its reason begins with, such as `Evicted` or `Unschedulable`."""


class EventMatch(Strict):
    """One Event for which all of this holds."""

    reasons: Words
    messages: Words | None = None
    """Texts of which its message holds one."""


class NodeMatch(Strict):
    """One node, that the pods run on or that is the target, with one of these conditions."""

    conditions: Annotated[dict[StrictStr, Words], Field(min_length=1, max_length=16)]
    """By type, the statuses: `Ready: ["False", Unknown]`."""


class ChangeMatch(Strict):
    """The workload was changed no longer than `within` before the signal began, and has an earlier revision."""

    within: Span


class AutoscalerMatch(Strict):
    """An autoscaler wants as many replicas as it may have."""

    at_maximum: Literal[True]


class RecoveryMatch(Strict):
    """What was tried before."""

    attempts: Annotated[list[StrictInt], Field(min_length=1, max_length=16)] | None = None
    """The numbers of the recovery; 0 is the first analysis."""
    failed_actions: Words | None = None
    error_types: Words | None = None


class Match(Strict):
    """What must hold, all of it. What is left out holds always."""

    signals: Words | None = None
    severities: Words | None = None
    labels: Annotated[dict[StrictStr, StrictStr], Field(min_length=1, max_length=32)] | None = None
    """Of the signal."""
    targets: Words | None = None
    """Kinds of the target."""
    workloads: Words | None = None
    """Kinds of the target or of what it belongs to; the first that fits is the `workload` of the rule."""
    environments: Words | None = None
    conditions: Annotated[dict[StrictStr, Words], Field(min_length=1, max_length=16)] | None = None
    """Of the workload, by type: a status (`"False"`) or a reason."""
    container: ContainerMatch | None = None
    pod: PodMatch | None = None
    event: EventMatch | None = None
    node: NodeMatch | None = None
    changed: ChangeMatch | None = None
    autoscaler: AutoscalerMatch | None = None
    recovery: RecoveryMatch | None = None


class OtherTarget(Strict):
    """An object in the target's namespace."""

    api_version: StrictStr | None = None
    kind: StrictStr
    name: Template


class StepTemplate(Strict):
    """One step; texts in its parameters may name facts."""

    name: StepName
    action: Annotated[StrictStr, Field(min_length=1, max_length=63)]
    target: Literal["target", "workload", "pod", "node", "autoscaler"] | OtherTarget = "workload"
    parameters: Annotated[dict[StrictStr, StrictInt | Template], Field(max_length=32)] = Field(default_factory=dict)
    depends_on: list[StepName] = Field(default_factory=list)
    timeout: StrictStr | None = None
    retries: Annotated[StrictInt, Field(ge=0, le=5)] = 0
    on_failure: Literal["rollback", "stop", "continue"] = "rollback"


class Propose(Strict):
    """What is said then."""

    root_cause: Template
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    evidence: Annotated[list[Template], Field(max_length=16)] = Field(default_factory=list)
    steps: Annotated[list[StepTemplate], Field(max_length=16)] = Field(default_factory=list)
    recommendation: Literal["proceed", "approve", "review"] | None = None
    """At most this, however sure the rule is."""
    reason: Annotated[StrictStr, Field(max_length=1024)] = ""


class Rule(Strict):
    """One rule. `unless`: it does not hold where all of that does.

    `skip_if_tried`: in a recovery it is passed over when one of its actions failed, or was proposed before.
    """

    name: Annotated[StrictStr, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    about: Annotated[StrictStr, Field(max_length=1024)] = ""
    match: Match
    unless: Match | None = None
    propose: Propose
    skip_if_tried: bool = True

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.match == Match():
            raise ValueError("match: is empty, and a rule that always holds says nothing")
        if self.unless == Match():
            raise ValueError("unless: is empty, and a rule that never holds says nothing")
        return self


class RuleFile(Strict):
    """A file of rules, the order of which counts between those that are equally sure."""

    version: Literal[1]
    rules: Annotated[list[Rule], Field(min_length=1, max_length=500)]
