# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: the machines."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Quantity, Time

__all__ = [
    "AttachedVolume",
    "ConfigMapNodeConfigSource",
    "ContainerImage",
    "DaemonEndpoint",
    "Node",
    "NodeAddress",
    "NodeCondition",
    "NodeConfigSource",
    "NodeConfigStatus",
    "NodeDaemonEndpoints",
    "NodeFeatures",
    "NodeRuntimeHandler",
    "NodeRuntimeHandlerFeatures",
    "NodeSpec",
    "NodeStatus",
    "NodeSwapStatus",
    "NodeSystemInfo",
    "Taint",
]


class AttachedVolume(PartialModel):
    device_path: str
    name: str


class ConfigMapNodeConfigSource(PartialModel):
    kubelet_config_key: str
    name: str
    namespace: str
    resource_version: str | None = None
    uid: str | None = None


class ContainerImage(PartialModel):
    names: ListOf[str] = Field(default_factory=list)
    size_bytes: int | None = None


class DaemonEndpoint(PartialModel):
    port: int = Field(default=0, alias="Port")


class NodeConfigSource(PartialModel):
    config_map: ConfigMapNodeConfigSource | None = None


class Taint(PartialModel):
    effect: str
    key: str
    time_added: Time | None = None
    value: str | None = None


class NodeSpec(PartialModel):
    config_source: NodeConfigSource | None = None
    external_id: str | None = Field(default=None, alias="externalID")
    pod_cidr: str | None = None
    pod_cidrs: ListOf[str] = Field(default_factory=list)
    provider_id: str | None = None
    taints: ListOf[Taint] = Field(default_factory=list)
    unschedulable: bool | None = None


class NodeAddress(PartialModel):
    address: str
    type: str


class NodeCondition(Condition):
    last_heartbeat_time: Time | None = None


class NodeConfigStatus(PartialModel):
    active: NodeConfigSource | None = None
    assigned: NodeConfigSource | None = None
    error: str | None = None
    last_known_good: NodeConfigSource | None = None


class NodeDaemonEndpoints(PartialModel):
    kubelet_endpoint: DaemonEndpoint | None = None


class NodeFeatures(PartialModel):
    supplemental_groups_policy: bool | None = None


class NodeRuntimeHandlerFeatures(PartialModel):
    recursive_read_only_mounts: bool | None = None
    user_namespaces: bool | None = None


class NodeRuntimeHandler(PartialModel):
    features: NodeRuntimeHandlerFeatures | None = None
    name: str | None = None


class NodeSwapStatus(PartialModel):
    capacity: int | None = None


class NodeSystemInfo(PartialModel):
    architecture: str
    boot_id: str
    container_runtime_version: str
    kernel_version: str
    kube_proxy_version: str
    kubelet_version: str
    machine_id: str
    operating_system: str
    os_image: str
    system_uuid: str
    swap: NodeSwapStatus | None = None


class NodeStatus(PartialModel):
    addresses: ListOf[NodeAddress] = Field(default_factory=list)
    allocatable: MapOf[Quantity] = Field(default_factory=dict)
    capacity: MapOf[Quantity] = Field(default_factory=dict)
    conditions: ListOf[NodeCondition] = Field(default_factory=list)
    config: NodeConfigStatus | None = None
    daemon_endpoints: NodeDaemonEndpoints | None = None
    declared_features: ListOf[str] = Field(default_factory=list)
    features: NodeFeatures | None = None
    images: ListOf[ContainerImage] = Field(default_factory=list)
    node_info: NodeSystemInfo | None = None
    phase: str | None = None
    runtime_handlers: ListOf[NodeRuntimeHandler] = Field(default_factory=list)
    volumes_attached: ListOf[AttachedVolume] = Field(default_factory=list)
    volumes_in_use: ListOf[str] = Field(default_factory=list)


class Node(Resource, version="v1", scope="Cluster", short_names=("no",), status_subresource=True):
    spec: NodeSpec = Field(default_factory=NodeSpec)
    status: NodeStatus = Field(default_factory=NodeStatus)
