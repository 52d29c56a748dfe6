"""A failure of a workflow before it is written down: why, of which kind, at which step, and whether to undo."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.remediation.workflow.types import ErrorType


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason` is for machines, `message` for people; `step` is an index. `rollback`: what was done is undone first."""

    reason: str
    message: str
    error_type: ErrorType
    step: int | None = None
    rollback: bool = False
