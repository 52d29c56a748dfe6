"""RemediationProcessing: the facts about a target, gathered once, bounded and redacted."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kubernaut.remediation.execution.types import ExecutionTarget, ObjectRef
from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.remediation.signals import Signal
from kubernaut.resources import Model, PrinterColumn, Resource, Rule, Time

GROUP = "remediationprocessing.kubernaut.io"

Line = Annotated[str, Field(max_length=1024)]


class RemediationProcessingSpec(Model):
    """What to look at; immutable."""

    signal: Signal
    target: ExecutionTarget
    remediation_request_ref: ObjectRef | None = None


class Phase(StrEnum):
    """The phases in `status.phase`; the last two are terminal."""

    GATHERING = "gathering"
    COMPLETED = "completed"
    FAILED = "failed"


class ObjectFact(Model):
    """An object and what its conditions say."""

    api_version: str
    kind: str
    namespace: str | None = None
    name: str
    uid: str = ""
    conditions: dict[str, Line] = Field(default_factory=dict)
    """`Available: False MinimumReplicasUnavailable ...` by type."""
    summary: dict[str, Line] = Field(default_factory=dict)
    """A few of its numbers and settings by name, such as `replicas: 2/5`."""


class ContainerFact(Model):
    """A container of a pod: how it is, how it ended last, and what it said last."""

    name: str
    image: Line = ""
    ready: bool = False
    restarts: int = 0
    state: Line = ""
    """Such as `waiting: CrashLoopBackOff`."""
    last_state: Line = ""
    """Such as `terminated: OOMKilled (exit code 137)`."""
    waiting: Line = ""
    """The reason for which it waits now, such as `CrashLoopBackOff`."""
    terminated: Line = ""
    """The reason for which it ended, now or last, such as `OOMKilled`."""
    exit_code: int | None = None
    """Of that end."""
    initial: bool = False
    """Whether it is an init container."""
    log_tail: Annotated[str, Field(max_length=4096)] = ""
    """The last lines, redacted."""


class PodFact(Model):
    """A pod of the target; those in trouble come first."""

    name: str
    namespace: str = ""
    ready: bool = False
    phase: str = ""
    node: str = ""
    reason: Line = ""
    containers: list[ContainerFact] = Field(default_factory=list)


class EventFact(Model):
    """An Event about the target or what belongs to it, the newest first."""

    type: str = ""
    reason: Line = ""
    message: Line = ""
    object: Line = ""
    count: int = 1
    last_seen: Time | None = None


class RevisionFact(Model):
    """A revision of the target, the newest first."""

    revision: int
    name: str = ""
    images: list[Line] = Field(default_factory=list)
    containers: dict[str, Line] = Field(default_factory=dict)
    """The image of each container, init containers included, by its name."""
    created: Time | None = None
    current: bool = False
    template: Line = ""
    """A digest of what its pods are made of: revisions that differ by a restart alone have the same."""


class Facts(Model):
    """All that was found. A part that could not be read is empty and named in `missing`, with the reason."""

    target: ObjectFact | None = None
    """None where there is no such object, or it could not be read; `missing` says which."""
    owners: list[ObjectFact] = Field(default_factory=list)
    """From the target's controller outwards."""
    related: list[ObjectFact] = Field(default_factory=list)
    """Autoscalers and the like that act on the target."""
    pods: list[PodFact] = Field(default_factory=list)
    events: list[EventFact] = Field(default_factory=list)
    nodes: list[ObjectFact] = Field(default_factory=list)
    revisions: list[RevisionFact] = Field(default_factory=list)
    environment: str = ""
    """`production`, `staging`, ...: by the labels of the namespace, else by its name."""
    priority: str = ""
    """`p0` ... `p3`, of environment and severity."""
    namespace_labels: dict[str, Line] = Field(default_factory=dict)
    missing: dict[str, Line] = Field(default_factory=dict)


class RemediationProcessingStatus(PhasedStatus):
    """The facts, once the phase is `completed`."""

    phase: str | None = None
    facts: Facts | None = None


class RemediationProcessing(
    Resource,
    group=GROUP,
    version="v1",
    short_names=("rp",),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase"),
        PrinterColumn("Target", ".spec.target.name"),
        PrinterColumn("Environment", ".status.facts.environment"),
        PrinterColumn("Priority", ".status.facts.priority"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(Rule("self == oldSelf", message="spec is immutable", at="spec"),),
):
    """Gathers the facts about a target: bounded, redacted, each of them optional."""

    spec: RemediationProcessingSpec
    status: RemediationProcessingStatus = Field(default_factory=RemediationProcessingStatus)
