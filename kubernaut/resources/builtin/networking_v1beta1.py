# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of networking.k8s.io/v1beta1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = ["IPAddress", "IPAddressSpec", "ParentReference", "ServiceCIDR", "ServiceCIDRSpec", "ServiceCIDRStatus"]


class ParentReference(PartialModel):
    name: str
    resource: str
    group: str | None = None
    namespace: str | None = None


class IPAddressSpec(PartialModel):
    parent_ref: ParentReference


class IPAddress(Resource, group="networking.k8s.io", version="v1beta1", scope="Cluster", short_names=("ip",)):
    spec: IPAddressSpec


class ServiceCIDRSpec(PartialModel):
    cidrs: ListOf[str] = Field(default_factory=list)


class ServiceCIDRStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)


class ServiceCIDR(Resource, group="networking.k8s.io", version="v1beta1", scope="Cluster", status_subresource=True):
    spec: ServiceCIDRSpec = Field(default_factory=ServiceCIDRSpec)
    status: ServiceCIDRStatus = Field(default_factory=ServiceCIDRStatus)
