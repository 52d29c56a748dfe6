"""What a demo tells: an entry for each thing that happens, and the outcome at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kubernaut.cli.demo.changes import ObjectChange
from kubernaut.cli.tree.model import Branch

Aspect = Literal["story", "person", "alert", "health", "phase", "approval", "job", "condition", "event"]
"""What an entry is about. `story`: a word of the scenario's. `person`: what somebody does. `alert`: what Alertmanager
sends. `health`: how a workload or node is. The others: of an object of kubernaut's."""

SUCCEEDED = ("rollback_ready", "completed")
FAILED = "failed"
UNFINISHED = "unfinished"
REVIEW = "manual_review"
ENDED = (*SUCCEEDED, FAILED, REVIEW)
"""The phases in which a subject has come to an end, as far as a demo is concerned: a review is a person's turn."""


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
            "aspect": self.aspect,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "phase": self.phase,
            "reason": self.reason,
            "message": self.message,
        }


@dataclass(slots=True)
class Story:
    """How a RemediationRequest, a WorkflowExecution or a KubernetesExecution went.

    `source`: the file that gave it, or what made it. `child`: whether it belongs to another one.
    """

    kind: str
    namespace: str
    name: str
    source: str
    what: str = ""
    child: bool = False
    phases: list[str] = field(default_factory=list)
    reason: str = ""
    message: str = ""

    @property
    def outcome(self) -> str:
        last = self.phases[-1] if self.phases else ""
        return last if last in ENDED else UNFINISHED

    @property
    def succeeded(self) -> bool:
        return self.outcome in SUCCEEDED

    def take(self, status: Mapping[str, Any], phases: Sequence[str]) -> None:
        """Take in a status, and the phases that it went through."""
        self.reason, self.message = str(status.get("reason") or ""), str(status.get("message") or "")
        self.phases = list(phases)

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
class Ending:
    """How something is to end: `kind` in `phase`, for `reason` where that is told."""

    kind: str
    phase: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.phase}{f' ({self.reason})' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a demo. `stories` are those of all objects, of which those that are no children are its subjects.

    `wrong`: what is not as the scenario tells it; None where nothing is told, and everything has to succeed.
    """

    stories: Sequence[Story]
    changed: Sequence[ObjectChange]
    trees: Sequence[Branch] = ()
    scenario: str = ""
    expected: Sequence[Ending] = ()
    wrong: Sequence[str] | None = None

    @property
    def subjects(self) -> list[Story]:
        return [story for story in self.stories if not story.child]

    @property
    def succeeded(self) -> bool:
        """Whether it ended as told."""
        if self.wrong is not None:
            return not self.wrong
        return all(story.succeeded for story in self.subjects)

    @property
    def summary(self) -> str:
        """The one word for all subjects: the worst of them."""
        outcomes = [story.outcome for story in self.subjects]
        for worst in (FAILED, UNFINISHED, REVIEW, "completed", "rollback_ready"):
            if worst in outcomes:
                return worst
        return "completed"

    def as_json(self) -> dict[str, Any]:
        phases = dict.fromkeys(phase for story in self.subjects for phase in story.phases)
        return {
            "outcome": self.summary,
            "scenario": self.scenario,
            "expected": [str(ending) for ending in self.expected],
            "asTold": self.succeeded,
            "problems": list(self.wrong or ()),
            "phases": list(phases),
            "changed": [change.as_json() for change in self.changed],
            "requests": self._of("RemediationRequest"),
            "workflows": self._of("WorkflowExecution"),
            "executions": self._of("KubernetesExecution"),
            "tree": [tree.as_json() for tree in self.trees],
        }

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [story.as_json() for story in self.stories if story.kind == kind]
