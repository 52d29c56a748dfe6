"""What an operator decides about analyses: who is asked, what may be proposed, and how sure it must be."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from kubernaut.actions import Catalog
from kubernaut.remediation.analysis.analyzer import Analyzer

Span = Annotated[timedelta, Field(gt=timedelta())]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=63)]

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})


class Thresholds(BaseModel):
    """How sure an analyzer must be: below `review` a person decides, below `approve` a person approves every step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: Share = 0.5
    approve: Share = 0.8

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.review > self.approve:
            raise ValueError(f"thresholds: review ({self.review:g}) must not be above approve ({self.approve:g})")
        return self


class Limits(BaseModel):
    """Bounds of the phase and of what is stored; all positive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    analyzing: Span = timedelta(minutes=2)
    call: Span = timedelta(seconds=60)
    """How long one call of the analyzer may take."""
    facts: Span = timedelta(seconds=30)
    """How long the facts are waited for, before the analyzer is asked without them."""
    first_retry: Span = timedelta(seconds=2)
    """After the first call that failed; then twice as long each time."""
    last_retry: Span = timedelta(seconds=30)
    step_timeout: Span = timedelta(minutes=5)
    """The longest timeout that a proposed step may ask for."""
    proposal_bytes: Annotated[int, Field(gt=0, le=512 * 1024)] = 64 * 1024
    """All steps of a proposal, as JSON."""


class AnalysisConfig(BaseModel):
    """The configuration of the analysis controller.

    `catalog`: the actions that may be proposed, which must be those that the executions' controller knows.
    `protected_namespaces`: no step may act there, beside the system's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    analyzer: SkipValidation[Analyzer]
    catalog: Catalog
    thresholds: Thresholds = Thresholds()
    limits: Limits = Limits()
    protected_namespaces: frozenset[Name] = frozenset()
    max_concurrent: Annotated[int, Field(gt=0)] = 4

    @property
    def protected(self) -> frozenset[str]:
        """Every namespace in which no step may act."""
        return self.protected_namespaces | SYSTEM_NAMESPACES
