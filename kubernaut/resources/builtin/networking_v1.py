# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of networking.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.core_v1.shared import TypedLocalObjectReference
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString

__all__ = [
    "HTTPIngressPath",
    "HTTPIngressRuleValue",
    "IPAddress",
    "IPAddressSpec",
    "IPBlock",
    "Ingress",
    "IngressBackend",
    "IngressClass",
    "IngressClassParametersReference",
    "IngressClassSpec",
    "IngressLoadBalancerIngress",
    "IngressLoadBalancerStatus",
    "IngressPortStatus",
    "IngressRule",
    "IngressServiceBackend",
    "IngressSpec",
    "IngressStatus",
    "IngressTLS",
    "NetworkPolicy",
    "NetworkPolicyEgressRule",
    "NetworkPolicyIngressRule",
    "NetworkPolicyPeer",
    "NetworkPolicyPort",
    "NetworkPolicySpec",
    "ParentReference",
    "ServiceBackendPort",
    "ServiceCIDR",
    "ServiceCIDRSpec",
    "ServiceCIDRStatus",
]


class ServiceBackendPort(PartialModel):
    name: str | None = None
    number: int | None = None


class IngressServiceBackend(PartialModel):
    name: str
    port: ServiceBackendPort | None = None


class IngressBackend(PartialModel):
    resource: TypedLocalObjectReference | None = None
    service: IngressServiceBackend | None = None


class HTTPIngressPath(PartialModel):
    path_type: str
    backend: IngressBackend = Field(default_factory=IngressBackend)
    path: str | None = None


class HTTPIngressRuleValue(PartialModel):
    paths: ListOf[HTTPIngressPath] = Field(default_factory=list)


class ParentReference(PartialModel):
    name: str
    resource: str
    group: str | None = None
    namespace: str | None = None


class IPAddressSpec(PartialModel):
    parent_ref: ParentReference


class IPAddress(Resource, group="networking.k8s.io", version="v1", scope="Cluster", short_names=("ip",)):
    spec: IPAddressSpec


class IPBlock(PartialModel):
    cidr: str
    except_: ListOf[str] = Field(default_factory=list)


class IngressRule(PartialModel):
    host: str | None = None
    http: HTTPIngressRuleValue | None = None


class IngressTLS(PartialModel):
    hosts: ListOf[str] = Field(default_factory=list)
    secret_name: str | None = None


class IngressSpec(PartialModel):
    default_backend: IngressBackend | None = None
    ingress_class_name: str | None = None
    rules: ListOf[IngressRule] = Field(default_factory=list)
    tls: ListOf[IngressTLS] = Field(default_factory=list)


class IngressPortStatus(PartialModel):
    protocol: str
    error: str | None = None
    port: int = 0


class IngressLoadBalancerIngress(PartialModel):
    hostname: str | None = None
    ip: str | None = None
    ports: ListOf[IngressPortStatus] = Field(default_factory=list)


class IngressLoadBalancerStatus(PartialModel):
    ingress: ListOf[IngressLoadBalancerIngress] = Field(default_factory=list)


class IngressStatus(PartialModel):
    load_balancer: IngressLoadBalancerStatus | None = None


class Ingress(Resource, group="networking.k8s.io", version="v1", short_names=("ing",), status_subresource=True):
    spec: IngressSpec = Field(default_factory=IngressSpec)
    status: IngressStatus = Field(default_factory=IngressStatus)


class IngressClassParametersReference(PartialModel):
    kind: str
    name: str
    api_group: str | None = None
    namespace: str | None = None
    scope: str | None = None


class IngressClassSpec(PartialModel):
    controller: str | None = None
    parameters: IngressClassParametersReference | None = None


class IngressClass(Resource, group="networking.k8s.io", version="v1", scope="Cluster"):
    spec: IngressClassSpec = Field(default_factory=IngressClassSpec)


class NetworkPolicyPeer(PartialModel):
    ip_block: IPBlock | None = None
    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None


class NetworkPolicyPort(PartialModel):
    end_port: int | None = None
    port: IntOrString | None = None
    protocol: str | None = None


class NetworkPolicyEgressRule(PartialModel):
    ports: ListOf[NetworkPolicyPort] = Field(default_factory=list)
    to: ListOf[NetworkPolicyPeer] = Field(default_factory=list)


class NetworkPolicyIngressRule(PartialModel):
    from_: ListOf[NetworkPolicyPeer] = Field(default_factory=list)
    ports: ListOf[NetworkPolicyPort] = Field(default_factory=list)


class NetworkPolicySpec(PartialModel):
    egress: ListOf[NetworkPolicyEgressRule] = Field(default_factory=list)
    ingress: ListOf[NetworkPolicyIngressRule] = Field(default_factory=list)
    pod_selector: LabelSelector | None = None
    policy_types: ListOf[str] = Field(default_factory=list)


class NetworkPolicy(Resource, group="networking.k8s.io", version="v1", short_names=("netpol",)):
    spec: NetworkPolicySpec = Field(default_factory=NetworkPolicySpec)


class ServiceCIDRSpec(PartialModel):
    cidrs: ListOf[str] = Field(default_factory=list)


class ServiceCIDRStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)


class ServiceCIDR(Resource, group="networking.k8s.io", version="v1", scope="Cluster", status_subresource=True):
    spec: ServiceCIDRSpec = Field(default_factory=ServiceCIDRSpec)
    status: ServiceCIDRStatus = Field(default_factory=ServiceCIDRStatus)
