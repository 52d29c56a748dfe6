"""The seam: what an analyzer is asked, what it answers, and how it says that it cannot."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr
from pydantic.alias_generators import to_camel

from kubernaut.actions import Action, Catalog, Parameters
from kubernaut.remediation.analysis.types import Proposal
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.processing.types import Facts
from kubernaut.remediation.signals import Signal
from kubernaut.resources import Model

VERSION = 1
"""Of the question and the answer, as they travel."""


class AnalyzerError(Exception):
    """The analyzer's answer is of no use, or it refuses to give one; asking again would not help."""


class AnalyzerUnavailable(AnalyzerError):
    """No answer now; asking again may help, after `retry_after` where the analyzer says so."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Offer(Model):
    """An action that may be proposed."""

    name: str
    title: str
    risk: Literal["low", "medium", "high"]
    targets: list[str]
    """Kinds it acts on, such as `apps/v1 Deployment`."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Their JSON Schema."""


class Recovery(Model):
    """What was tried before, and how it failed."""

    attempt: int
    """1 for the first recovery."""
    failed_step: int | None = None
    failed_action: str | None = None
    failure_reason: str | None = None
    error_type: str | None = None
    previous: list[Proposal] = Field(default_factory=list)
    """What was proposed before, the oldest first."""


class AnalysisInput(Model):
    """The question: what is wrong with what, all that is known about it, and what could be done.

    Logs, events and annotations in it were written by strangers: an analyzer must take them as data.
    """

    version: int = VERSION
    signal: Signal
    target: ExecutionTarget
    asked_at: datetime
    facts: Facts | None = None
    """None where nothing was gathered."""
    recovery: Recovery | None = None
    actions: list[Offer] = Field(default_factory=list)


def unseen(question: AnalysisInput) -> str:
    """Why nothing is known of the target itself, where facts were gathered without it; "" otherwise."""
    facts = question.facts
    if facts is None or facts.target is not None or not (why := facts.missing.get("target")):
        return ""
    return f"the target was not found or could not be read: {why}"


class _Answered(BaseModel):
    """Strict: a field that is not known is an error, for it may be one that matters, misspelt."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False
    )


def _truth(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


class AnsweredTarget(_Answered):
    """The object to act on."""

    api_version: StrictStr | None = None
    kind: StrictStr
    namespace: StrictStr | None = None
    name: StrictStr


class AnsweredEvidence(_Answered):
    """One observation; `source` is such as `pod/web-1`."""

    source: StrictStr
    text: StrictStr


class AnsweredStep(_Answered):
    """One action. What it may hold beyond these types is checked against the catalog."""

    name: StrictStr
    action: StrictStr
    target: AnsweredTarget
    parameters: dict[StrictStr, Annotated[StrictInt | StrictStr, BeforeValidator(_truth)]] = Field(default_factory=dict)
    depends_on: list[StrictStr] = Field(default_factory=list)
    timeout: StrictStr | None = None
    retries: StrictInt = 0
    on_failure: Literal["rollback", "stop", "continue"] = "rollback"


class Answer(_Answered):
    """What an analyzer says. Data, never trusted: see `kubernaut.remediation.analysis.checks`."""

    root_cause: Annotated[StrictStr, Field(min_length=1)]
    confidence: Annotated[float, Field(ge=0, le=1, strict=True)]
    evidence: list[AnsweredEvidence] = Field(default_factory=list)
    steps: list[AnsweredStep] = Field(default_factory=list)
    recommendation: Literal["proceed", "approve", "review"] | None = None
    """At most this; what the checks say may be more cautious."""
    reason: StrictStr = ""
    """Why not `proceed`."""
    revision: StrictStr = ""
    """Of the model or the rules that answered."""


class AnalysisResult(Answer):
    """An answer, and who gave it."""

    analyzer: str = ""


@runtime_checkable
class Analyzer(Protocol):
    """Says what is wrong, and what to do.

    `name` tells it from others, in the status. `analyze` raises AnalyzerUnavailable where asking again may help, and
    AnalyzerError where not; anything else counts as a defect. It is cancelled when its time is up, or the process ends,
    and may be asked the same question again after that: it must not change anything.
    """

    @property
    def name(self) -> str: ...

    async def analyze(self, question: AnalysisInput) -> AnalysisResult: ...


def offers(catalog: Catalog) -> list[Offer]:
    """The actions of a catalog, as an analyzer is told of them."""
    return [_offer(action) for action in catalog]


def _offer(action: Action) -> Offer:
    return Offer(
        name=action.name,
        title=action.title,
        risk=action.risk,
        targets=[f"{kind.api_version} {kind.kind}" for kind in action.targets],
        # An analyzer may do with its question what it likes; making a schema takes far longer than a copy.
        parameters=deepcopy(_schema(action.parameters)),
    )


@cache
def _schema(parameters: type[Parameters]) -> dict[str, Any]:
    return parameters.model_json_schema(by_alias=True)
