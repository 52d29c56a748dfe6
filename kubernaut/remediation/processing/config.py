"""What an operator decides about gathering facts: which kinds may be read, how much of everything, and how long."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from kubernaut.resources.builtin.autoscaling_v2 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from kubernaut.resources.builtin.core_v1 import Node, PersistentVolumeClaim, Pod, Service
from kubernaut.resources.builtin.networking_v1 import Ingress

Span = Annotated[timedelta, Field(gt=timedelta())]
Count = Annotated[int, Field(gt=0)]

KNOWN_KINDS: tuple[ResourceType, ...] = tuple(
    model.resource_type for model in (Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Node, Job, CronJob)
)
"""Kinds about which more is known than their conditions."""
DEFAULT_KINDS: tuple[ResourceType, ...] = tuple(
    model.resource_type for model in (Service, Ingress, PersistentVolumeClaim, HorizontalPodAutoscaler)
)
FACTS_BYTES = 48 * 1024


class Limits(BaseModel):
    """Bounds of the phase and of what is kept; all positive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gathering: Annotated[timedelta, Field(ge=timedelta(seconds=30), le=timedelta(minutes=2))] = timedelta(seconds=60)
    """How long phase `gathering` may last while the target cannot be read."""
    read: Span = timedelta(seconds=5)
    """How long one part of the facts may take."""
    retry: Span = timedelta(seconds=5)
    """How soon that is tried again."""
    parallel: Count = 8
    """Requests of one processing at a time."""
    listed: Count = 250
    """Objects that one list reads at most, of which the most telling are kept."""
    pods: Count = 20
    logs: Count = 6
    """Pods whose logs are read: those in trouble first."""
    log_lines: Count = 40
    log_bytes: Annotated[int, Field(gt=0, le=4096)] = 2048
    """What is kept of one container's log, after redaction."""
    events: Count = 50
    event_objects: Count = 12
    """Objects whose Events are read."""
    revisions: Count = 10
    nodes: Count = 10
    facts_bytes: Annotated[int, Field(ge=32 * 1024, le=512 * 1024)] = FACTS_BYTES
    """All facts together, as JSON."""


class ProcessingConfig(BaseModel):
    """The configuration of the processing controller.

    `kinds`: kinds, beyond the workloads, pods and nodes that are always known, whose objects may be a target; nothing
    else is read, and from them the controller's permissions follow. Never name Secret here: what an object's
    conditions say is kept.
    `trusted_namespaces`: processings that lie there may look anywhere, nodes included; all others only at what lies
    beside them. Whoever may create a processing reads what the controller may read: be as careful with who may create
    them there as with who may read the logs of all pods.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kinds: tuple[ResourceType, ...] = DEFAULT_KINDS
    trusted_namespaces: frozenset[Annotated[str, Field(min_length=1, max_length=63)]] = frozenset({"kubernaut-system"})
    limits: Limits = Limits()
    max_concurrent: Count = 4

    @property
    def readable(self) -> tuple[ResourceType, ...]:
        """Every kind that a target may be of, each once."""
        return tuple(dict.fromkeys((*KNOWN_KINDS, *self.kinds)))

    def find(self, api_version: str | None, kind: str) -> ResourceType | None:
        """The readable kind of that name; without `api_version` the first of that kind."""
        return next(
            (each for each in self.readable if each.kind == kind and api_version in (None, each.api_version)), None
        )
