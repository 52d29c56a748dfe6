"""The part of a status that every kind with phases has: since when, until when, why, and by which way."""

from typing import Annotated, ClassVar

from pydantic import Field

from kubernaut.resources import Model, StatusBase, Time

MAX_TRANSITIONS = 64
MAX_MESSAGE = 1024


class Transition(Model):
    """A phase that was entered."""

    phase: Annotated[str, Field(max_length=63)]
    time: Time
    reason: Annotated[str, Field(max_length=128)] | None = None
    message: Annotated[str, Field(max_length=MAX_MESSAGE)] | None = None


class PhasedStatus(StatusBase):
    """Where an object is in its phase table. `reason` and `message` say why it failed.

    A kind declares its phase itself; `phase_field` names that attribute where it is not `phase`.
    """

    phase_field: ClassVar[str] = "phase"

    reason: str | None = None
    message: str | None = None
    start_time: Time | None = None
    completion_time: Time | None = None
    deadline: Time | None = None
    """When the present phase must have ended; absolute, so that a restart does not extend it."""
    transitions: Annotated[list[Transition], Field(max_length=MAX_TRANSITIONS)] = Field(default_factory=list)
    """Every phase that was entered, oldest first."""

    @property
    def current_phase(self) -> str | None:
        """The phase, whatever the kind calls it; None before the first reconcile."""
        phase: str | None = getattr(self, self.phase_field)
        return None if phase is None else str(phase)

    def enter(self, phase: str) -> None:
        """Set the phase, and nothing else."""
        setattr(self, self.phase_field, str(phase))
