"""What one reconcile of one object with phases works with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeVar, cast

from kubernaut.reconcile import Context
from kubernaut.remediation.machine.status import MAX_MESSAGE, MAX_TRANSITIONS, PhasedStatus, Transition
from kubernaut.resources import Resource

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Step(Generic[R]):
    """One reconcile; handlers change the object's status in place and the runtime writes it once.

    A kind derives its own from this, with its configuration; `doing` is the action that its Events name.
    """

    doing: ClassVar[str] = "Reconcile"

    obj: R
    ctx: Context

    @property
    def phased(self) -> PhasedStatus:
        """The object's status, as every kind with phases has it."""
        return cast(PhasedStatus, self.obj.status)  # type: ignore[attr-defined]

    @property
    def uid(self) -> str:
        return self.obj.uid or ""

    @property
    def now(self) -> datetime:
        return self.ctx.clock.now()

    @property
    def expired(self) -> bool:
        """The deadline of the present phase has passed."""
        deadline = self.phased.deadline
        return deadline is not None and self.now >= deadline

    def record(self, phase: str, *, reason: str | None = None, message: str = "") -> None:
        """Add a transition to those that the status holds; of very many the middle is left out."""
        transitions = self.phased.transitions
        if len(transitions) >= MAX_TRANSITIONS:
            del transitions[-1]
        told = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        transitions.append(Transition(phase=str(phase), time=self.now, reason=reason, message=told or None))

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Tell about this object as an Event."""
        kind: Literal["Normal", "Warning"] = "Warning" if warning else "Normal"
        self.ctx.events.event(self.obj, reason, message, kind, action=self.doing)
