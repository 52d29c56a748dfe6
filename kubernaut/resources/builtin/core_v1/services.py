# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: stable addresses of pods."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import ObjectReference
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString

__all__ = [
    "ClientIPConfig",
    "EndpointAddress",
    "EndpointPort",
    "EndpointSubset",
    "Endpoints",
    "LoadBalancerIngress",
    "LoadBalancerStatus",
    "PortStatus",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "ServiceStatus",
    "SessionAffinityConfig",
]


class ClientIPConfig(PartialModel):
    timeout_seconds: int | None = None


class EndpointAddress(PartialModel):
    ip: str
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(PartialModel):
    port: int
    app_protocol: str | None = None
    name: str | None = None
    protocol: str | None = None


class EndpointSubset(PartialModel):
    addresses: ListOf[EndpointAddress] = Field(default_factory=list)
    not_ready_addresses: ListOf[EndpointAddress] = Field(default_factory=list)
    ports: ListOf[EndpointPort] = Field(default_factory=list)


class Endpoints(Resource, version="v1", plural="endpoints", short_names=("ep",)):
    subsets: ListOf[EndpointSubset] = Field(default_factory=list)


class PortStatus(PartialModel):
    protocol: str
    error: str | None = None
    port: int = 0


class LoadBalancerIngress(PartialModel):
    hostname: str | None = None
    ip: str | None = None
    ip_mode: str | None = None
    ports: ListOf[PortStatus] = Field(default_factory=list)


class LoadBalancerStatus(PartialModel):
    ingress: ListOf[LoadBalancerIngress] = Field(default_factory=list)


class ServicePort(PartialModel):
    port: int
    app_protocol: str | None = None
    name: str | None = None
    node_port: int | None = None
    protocol: str | None = None
    target_port: IntOrString | None = None


class SessionAffinityConfig(PartialModel):
    client_ip: ClientIPConfig | None = None


class ServiceSpec(PartialModel):
    allocate_load_balancer_node_ports: bool | None = None
    cluster_ip: str | None = None
    cluster_ips: ListOf[str] = Field(default_factory=list)
    external_ips: ListOf[str] = Field(default_factory=list)
    external_name: str | None = None
    external_traffic_policy: str | None = None
    health_check_node_port: int | None = None
    internal_traffic_policy: str | None = None
    ip_families: ListOf[str] = Field(default_factory=list)
    ip_family_policy: str | None = None
    load_balancer_class: str | None = None
    load_balancer_ip: str | None = None
    load_balancer_source_ranges: ListOf[str] = Field(default_factory=list)
    ports: ListOf[ServicePort] = Field(default_factory=list)
    publish_not_ready_addresses: bool | None = None
    selector: MapOf[str] = Field(default_factory=dict)
    session_affinity: str | None = None
    session_affinity_config: SessionAffinityConfig | None = None
    traffic_distribution: str | None = None
    type: str | None = None


class ServiceStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    load_balancer: LoadBalancerStatus | None = None


class Service(Resource, version="v1", short_names=("svc",), categories=("all",), status_subresource=True):
    spec: ServiceSpec = Field(default_factory=ServiceSpec)
    status: ServiceStatus = Field(default_factory=ServiceStatus)
