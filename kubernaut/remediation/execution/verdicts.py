"""What a phase handler or a validation check may answer: go on, wait, or fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kubernaut.remediation.execution.types import Phase


@dataclass(frozen=True, slots=True)
class Move:
    """Enter `phase`, which the phase table must allow."""

    phase: Phase
    message: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay in this phase; look again after `after` at the latest (a watch event comes earlier). None: only events."""

    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """End `failed` for a reason of `Reason`; `message` is for people."""

    reason: str
    message: str


Verdict = Move | Wait | Fail
