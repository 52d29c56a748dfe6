"""Bounds of requests: of their phases, and of what may begin."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Span = Annotated[timedelta, Field(gt=timedelta())]


class Limits(BaseModel):
    """Bounds of each phase and of what begins; all spans positive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processing: Span = timedelta(minutes=2)
    analyzing: Span = timedelta(minutes=5)
    executing: Span | None = None
    """None: as long as the workflow's own limits, and `overall`, allow."""
    verifying: Span = timedelta(minutes=5)
    overall: Span = timedelta(hours=1)
    """How long a request may take in all; a person's review does not count."""
    poll: Span = timedelta(seconds=15)
    """The safety net under the watches."""
    stable: Span = timedelta(seconds=30)
    """How long the target has to be healthy, without a break, to count as remediated."""
    cooldown: Span = timedelta(minutes=5)
    """How long after a success nothing is done about the same target."""
    backoff: Span = timedelta(minutes=1)
    """How long after a failure nothing is done about the same target or signal; doubled with each one in a row."""
    backoff_cap: Span = timedelta(minutes=30)
    memory: Span = timedelta(hours=24)
    """How far back failures in a row are counted."""
    failed_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of requests of the last hour that failed, from which on no recovery begins."""
    failed_rate_sample: Annotated[int, Field(gt=0)] = 5
    """With fewer requests that ended in the last hour there is no rate."""
    max_executing: Annotated[int, Field(gt=0)] = 10
    """Requests in phase `executing` at once, of all targets."""
