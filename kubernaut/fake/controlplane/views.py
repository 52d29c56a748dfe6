"""What the control plane's controllers read of pods: a small part, which decodes in a fifth of the time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pydantic import ConfigDict, Field

from kubernaut.reconcile import Change, ChangeType
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.model import Model


class _Part(Model):
    model_config = ConfigDict(extra="ignore")


class HeadView(ObjectMeta):
    """Metadata without the record of who owns which field, which is half of a pod."""

    model_config = ConfigDict(extra="ignore")

    managed_fields: list[Any] = Field(default_factory=list, alias="-", exclude=True)


class ConditionView(_Part):
    type: str
    status: str
    last_transition_time: datetime | None = None


class ContainerStatusView(_Part):
    restart_count: int = 0


class PortView(_Part):
    container_port: int
    name: str | None = None
    protocol: str | None = None


class ContainerView(_Part):
    ports: ListOf[PortView] = Field(default_factory=list)


class PodSpecView(_Part):
    node_name: str | None = None
    hostname: str | None = None
    subdomain: str | None = None
    containers: ListOf[ContainerView] = Field(default_factory=list)


class PodStatusView(_Part):
    phase: str | None = None
    pod_ip: str | None = None
    conditions: ListOf[ConditionView] = Field(default_factory=list)
    container_statuses: ListOf[ContainerStatusView] = Field(default_factory=list)


class PodView(
    Resource,
    version="v1",
    kind="Pod",
    short_names=("po",),
    categories=("all",),
    status_subresource=True,
):
    """A pod for reading only: written back, it would lose what it does not name."""

    model_config = ConfigDict(extra="ignore")

    metadata: HeadView = Field(default_factory=HeadView)
    spec: PodSpecView = Field(default_factory=PodSpecView)
    status: PodStatusView = Field(default_factory=PodStatusView)


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: list[_Condition] | None = None


class _Meta(msgspec.Struct, rename="camel"):
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    owner_references: list[msgspec.Raw] | None = None


class Glimpse(msgspec.Struct):
    """What predicates compare of two states of a pod."""

    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    @property
    def ready(self) -> bool:
        """Whether condition Ready is True."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions or ())

    @property
    def owners(self) -> list[bytes]:
        """The owner references as they came."""
        return [bytes(reference) for reference in self.metadata.owner_references or ()]


_glimpse = msgspec.json.Decoder(Glimpse)


def glimpse(raw: bytes) -> Glimpse:
    """Decode the little of a pod that predicates compare. Raises msgspec.DecodeError."""
    return _glimpse.decode(raw)


def standing_changed(change: Change) -> bool:
    """A pod came, went, or changed in what its owner counts: phase, readiness, node, address, labels, deletion."""
    if change.type is not ChangeType.MODIFIED or change.old is None:
        return True
    return _standing(change.old.raw) != _standing(change.new.raw)


def _standing(raw: bytes) -> tuple[object, ...]:
    pod = glimpse(raw)
    meta, status = pod.metadata, pod.status
    return (
        status.phase,
        pod.ready,
        pod.spec.node_name,
        status.pod_ip,
        meta.deletion_timestamp,
        meta.labels,
        meta.finalizers,
        pod.owners,
    )
