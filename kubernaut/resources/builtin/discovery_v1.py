# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of discovery.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import ObjectReference
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = ["Endpoint", "EndpointConditions", "EndpointHints", "EndpointPort", "EndpointSlice", "ForNode", "ForZone"]


class EndpointConditions(PartialModel):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForNode(PartialModel):
    name: str


class ForZone(PartialModel):
    name: str


class EndpointHints(PartialModel):
    for_nodes: ListOf[ForNode] = Field(default_factory=list)
    for_zones: ListOf[ForZone] = Field(default_factory=list)


class Endpoint(PartialModel):
    addresses: ListOf[str] = Field(default_factory=list)
    conditions: EndpointConditions | None = None
    deprecated_topology: MapOf[str] = Field(default_factory=dict)
    hints: EndpointHints | None = None
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    zone: str | None = None


class EndpointPort(PartialModel):
    app_protocol: str | None = None
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(Resource, group="discovery.k8s.io", version="v1"):
    address_type: str
    endpoints: ListOf[Endpoint] = Field(default_factory=list)
    ports: ListOf[EndpointPort] = Field(default_factory=list)
