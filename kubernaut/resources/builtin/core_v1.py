"""The core group, v1: what runs, where, and what it reads."""

import base64

from pydantic import Field

from kubernaut.resources.builtin.pods import ContainerPort, PodSpec, PodStatus, PodTemplateSpec
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString, MicroTime, Quantity, Time

__all__ = [
    "ConfigMap",
    "ContainerPort",
    "Event",
    "Namespace",
    "Node",
    "ObjectReference",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodSpec",
    "PodStatus",
    "PodTemplateSpec",
    "Secret",
    "Service",
    "ServiceAccount",
]


class ObjectReference(PartialModel):
    """Names another object."""

    api_version: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    field_path: str | None = None


class Pod(Resource, version="v1", short_names=("po",), categories=("all",), status_subresource=True):
    """Containers that run together on one node."""

    spec: PodSpec = Field(default_factory=PodSpec)
    status: PodStatus = Field(default_factory=PodStatus)


class Taint(PartialModel):
    """Keeps pods that do not tolerate it off a node."""

    key: str
    effect: str
    value: str | None = None
    time_added: Time | None = None


class NodeSpec(PartialModel):
    """How a node may be used."""

    unschedulable: bool | None = None
    taints: list[Taint] = Field(default_factory=list)
    provider_id: str | None = None
    pod_cidr: str | None = None
    pod_cidrs: list[str] = Field(default_factory=list)


class NodeAddress(PartialModel):
    """One address of a node."""

    type: str
    address: str


class NodeStatus(PartialModel):
    """What a node has and how it is."""

    capacity: dict[str, Quantity] = Field(default_factory=dict)
    allocatable: dict[str, Quantity] = Field(default_factory=dict)
    conditions: list[Condition] = Field(default_factory=list)
    addresses: list[NodeAddress] = Field(default_factory=list)
    phase: str | None = None


class Node(Resource, version="v1", scope="Cluster", short_names=("no",), status_subresource=True):
    """A machine that runs pods."""

    spec: NodeSpec = Field(default_factory=NodeSpec)
    status: NodeStatus = Field(default_factory=NodeStatus)


class NamespaceSpec(PartialModel):
    """What keeps a namespace from going away."""

    finalizers: list[str] = Field(default_factory=list)


class NamespaceStatus(PartialModel):
    """Whether a namespace is in use or going away."""

    phase: str | None = None
    conditions: list[Condition] = Field(default_factory=list)


class Namespace(Resource, version="v1", scope="Cluster", short_names=("ns",), status_subresource=True):
    """A room for names."""

    spec: NamespaceSpec = Field(default_factory=NamespaceSpec)
    status: NamespaceStatus = Field(default_factory=NamespaceStatus)


class ServiceAccount(Resource, version="v1", short_names=("sa",)):
    """An identity for pods."""

    secrets: list[ObjectReference] = Field(default_factory=list)
    image_pull_secrets: list[ObjectReference] = Field(default_factory=list)
    automount_service_account_token: bool | None = None


class ConfigMap(Resource, version="v1", short_names=("cm",)):
    """Configuration as text, or as base64 in `binary_data`."""

    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, str] = Field(default_factory=dict)
    immutable: bool | None = None


class Secret(Resource, version="v1"):
    """Secrets: `data` is base64 on the wire and here; `value` decodes one."""

    data: dict[str, str] = Field(default_factory=dict, repr=False)
    string_data: dict[str, str] = Field(default_factory=dict, repr=False)
    type: str | None = None
    immutable: bool | None = None

    def value(self, key: str) -> bytes:
        """Decode one value. Raises KeyError if there is none."""
        if key in self.string_data:
            return self.string_data[key].encode()
        return base64.b64decode(self.data[key])


class ServicePort(PartialModel):
    """One port of a Service."""

    port: int
    name: str | None = None
    protocol: str | None = None
    target_port: IntOrString | None = None
    node_port: int | None = None
    app_protocol: str | None = None


class ServiceSpec(PartialModel):
    """Which pods a Service stands for, and on which ports."""

    selector: dict[str, str] = Field(default_factory=dict)
    ports: list[ServicePort] = Field(default_factory=list)
    type: str | None = None
    cluster_ip: str | None = None
    cluster_ips: list[str] = Field(default_factory=list)
    external_ips: list[str] = Field(default_factory=list)
    external_name: str | None = None
    load_balancer_ip: str | None = None
    session_affinity: str | None = None
    publish_not_ready_addresses: bool | None = None


class ServiceStatus(PartialModel):
    """The state of a Service's load balancer."""

    conditions: list[Condition] = Field(default_factory=list)


class Service(Resource, version="v1", short_names=("svc",), categories=("all",), status_subresource=True):
    """A stable address for a set of pods."""

    spec: ServiceSpec = Field(default_factory=ServiceSpec)
    status: ServiceStatus = Field(default_factory=ServiceStatus)


class EventSource(PartialModel):
    """Who reported an event."""

    component: str | None = None
    host: str | None = None


class Event(Resource, version="v1", short_names=("ev",)):
    """Something that happened to an object, in the old form; new ones are written as events.k8s.io/v1."""

    involved_object: ObjectReference = Field(default_factory=ObjectReference)
    reason: str | None = None
    message: str | None = None
    type: str | None = None
    source: EventSource = Field(default_factory=EventSource)
    count: int | None = None
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: MicroTime | None = None
    action: str | None = None
    reporting_component: str | None = None
    reporting_instance: str | None = None


class PersistentVolumeClaimSpec(PartialModel):
    """What storage is asked for."""

    access_modes: list[str] = Field(default_factory=list)
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class PersistentVolumeClaimStatus(PartialModel):
    """What storage was given."""

    phase: str | None = None
    access_modes: list[str] = Field(default_factory=list)
    capacity: dict[str, Quantity] = Field(default_factory=dict)


class PersistentVolumeClaim(Resource, version="v1", short_names=("pvc",), status_subresource=True):
    """A claim to storage."""

    spec: PersistentVolumeClaimSpec = Field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = Field(default_factory=PersistentVolumeClaimStatus)


class PersistentVolumeSpec(PartialModel):
    """A piece of storage."""

    capacity: dict[str, Quantity] = Field(default_factory=dict)
    access_modes: list[str] = Field(default_factory=list)
    storage_class_name: str | None = None
    persistent_volume_reclaim_policy: str | None = None
    claim_ref: ObjectReference | None = None


class PersistentVolumeStatus(PartialModel):
    """Whether a piece of storage is free."""

    phase: str | None = None


class PersistentVolume(Resource, version="v1", scope="Cluster", short_names=("pv",), status_subresource=True):
    """A piece of storage of the cluster."""

    spec: PersistentVolumeSpec = Field(default_factory=PersistentVolumeSpec)
    status: PersistentVolumeStatus = Field(default_factory=PersistentVolumeStatus)
