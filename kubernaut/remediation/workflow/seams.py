"""Where another planner, validator or monitor plugs in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kubernaut.reconcile import Permission

if TYPE_CHECKING:
    from kubernaut.client import Client
    from kubernaut.remediation.machine import Wait
    from kubernaut.remediation.workflow.failure import Failure
    from kubernaut.remediation.workflow.types import Plan, WorkflowExecutionSpec
    from kubernaut.remediation.workflow.work import Work
    from kubernaut.resources import ResourceType


class PlanError(ValueError):
    """The steps make no plan. `field` is a path in the spec (`steps[2].dependsOn[0]`), `step` an index."""

    def __init__(self, field: str, message: str, step: int | None = None) -> None:
        self.field, self.message, self.step = field, message, step
        super().__init__(f"{field}: {message}")


class Planner(Protocol):
    """Orders the steps."""

    def plan(self, spec: WorkflowExecutionSpec) -> Plan:
        """The waves, and what each step follows; a pure function of the spec. Raises PlanError."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What validation found about one step: the Lease that its action works under, None where it needs none; and the
    object that its target belongs to (a JSON dict)."""

    lease: str | None
    root: Mapping[str, Any]


class Validator(Protocol):
    """Checks every step before anything runs. `permissions` are what checking calls."""

    @property
    def permissions(self) -> Sequence[Permission]: ...

    async def validate(self, work: Work) -> Sequence[Prepared] | Failure | Wait:
        """What was found about each step in its order; a failure; or when to ask again, which the phase's deadline
        bounds.

        Asked again whenever the workflow had to wait for a target. Writes nothing. API errors may be raised.
        """
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How a target is. `final`: it will not become healthy any more. `message` is for people, without secrets."""

    healthy: bool
    message: str
    final: bool = False


class Monitor(Protocol):
    """Looks at the target of a workflow afterwards. `permissions` are what looking calls."""

    @property
    def permissions(self) -> Sequence[Permission]: ...

    async def look(self, client: Client, kind: ResourceType, live: Mapping[str, Any]) -> Health | None:
        """How the object is, as it was read just now (a JSON dict); None where its kind tells nothing.

        Asked every few seconds, until it was healthy for the whole of the stable window. API errors may be raised.
        """
        ...
