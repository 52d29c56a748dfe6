"""What a demo tells: one entry for each phase, condition, event and Job, and the outcome at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kubernaut.cli.demo.changes import ObjectChange

Aspect = Literal["phase", "condition", "event", "job"]

SUCCEEDED = ("rollback_ready", "completed")
FAILED = "failed"
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    time: datetime
    aspect: Aspect
    kind: str
    namespace: str
    name: str
    phase: str
    reason: str
    message: str

    def as_json(self) -> dict[str, Any]:
        return {
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "phase": self.phase,
            "reason": self.reason,
            "message": self.message,
        }


@dataclass(slots=True)
class ExecutionStory:
    """How one execution went."""

    namespace: str
    name: str
    source: str
    action: str = ""
    target: str = ""
    phases: list[str] = field(default_factory=list)
    reason: str = ""
    message: str = ""

    @property
    def outcome(self) -> str:
        last = self.phases[-1] if self.phases else ""
        return last if last in (*SUCCEEDED, FAILED) else UNFINISHED

    def take(self, status: Mapping[str, Any]) -> str | None:
        """Take in a status; the phase when it is a new one."""
        self.reason, self.message = str(status.get("reason") or ""), str(status.get("message") or "")
        phase = status.get("phase")
        if not phase or (self.phases and self.phases[-1] == phase):
            return None
        self.phases.append(str(phase))
        return str(phase)

    def as_json(self) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "name": self.name,
            "source": self.source,
            "outcome": self.outcome,
            "phases": self.phases,
            "reason": self.reason,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a demo."""

    executions: list[ExecutionStory]
    changed: list[ObjectChange]

    @property
    def succeeded(self) -> bool:
        return all(story.outcome in SUCCEEDED for story in self.executions)

    @property
    def summary(self) -> str:
        """The one word for all executions: the worst of them."""
        outcomes = [story.outcome for story in self.executions]
        for worst in (FAILED, UNFINISHED, "completed", "rollback_ready"):
            if worst in outcomes:
                return worst
        return "completed"

    def as_json(self) -> dict[str, Any]:
        phases = dict.fromkeys(phase for story in self.executions for phase in story.phases)
        return {
            "outcome": self.summary,
            "phases": list(phases),
            "changed": [change.as_json() for change in self.changed],
            "executions": [story.as_json() for story in self.executions],
        }
