# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: namespaces, accounts, quotas and events."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import LocalObjectReference, ObjectReference
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime, Quantity, Time

__all__ = [
    "Binding",
    "ComponentCondition",
    "ComponentStatus",
    "Event",
    "EventSeries",
    "EventSource",
    "LimitRange",
    "LimitRangeItem",
    "LimitRangeSpec",
    "Namespace",
    "NamespaceCondition",
    "NamespaceSpec",
    "NamespaceStatus",
    "ResourceQuota",
    "ResourceQuotaSpec",
    "ResourceQuotaStatus",
    "ScopeSelector",
    "ScopedResourceSelectorRequirement",
    "ServiceAccount",
]


class Binding(Resource, version="v1"):
    target: ObjectReference = Field(default_factory=ObjectReference)


class ComponentCondition(Condition):
    error: str | None = None


class ComponentStatus(Resource, version="v1", scope="Cluster", short_names=("cs",)):
    conditions: ListOf[ComponentCondition] = Field(default_factory=list)


class EventSeries(PartialModel):
    count: int | None = None
    last_observed_time: MicroTime | None = None


class EventSource(PartialModel):
    component: str | None = None
    host: str | None = None


class Event(Resource, version="v1", short_names=("ev",)):
    action: str | None = None
    count: int | None = None
    event_time: MicroTime | None = None
    first_timestamp: Time | None = None
    involved_object: ObjectReference = Field(default_factory=ObjectReference)
    last_timestamp: Time | None = None
    message: str | None = None
    reason: str | None = None
    related: ObjectReference | None = None
    reporting_component: str | None = None
    reporting_instance: str | None = None
    series: EventSeries | None = None
    source: EventSource = Field(default_factory=EventSource)
    type: str | None = None


class LimitRangeItem(PartialModel):
    type: str
    default: MapOf[Quantity] = Field(default_factory=dict)
    default_request: MapOf[Quantity] = Field(default_factory=dict)
    max: MapOf[Quantity] = Field(default_factory=dict)
    max_limit_request_ratio: MapOf[Quantity] = Field(default_factory=dict)
    min: MapOf[Quantity] = Field(default_factory=dict)


class LimitRangeSpec(PartialModel):
    limits: ListOf[LimitRangeItem] = Field(default_factory=list)


class LimitRange(Resource, version="v1", short_names=("limits",)):
    spec: LimitRangeSpec = Field(default_factory=LimitRangeSpec)


class NamespaceSpec(PartialModel):
    finalizers: ListOf[str] = Field(default_factory=list)


class NamespaceCondition(Condition):
    pass


class NamespaceStatus(PartialModel):
    conditions: ListOf[NamespaceCondition] = Field(default_factory=list)
    phase: str | None = None


class Namespace(Resource, version="v1", scope="Cluster", short_names=("ns",), status_subresource=True):
    spec: NamespaceSpec = Field(default_factory=NamespaceSpec)
    status: NamespaceStatus = Field(default_factory=NamespaceStatus)


class ScopedResourceSelectorRequirement(PartialModel):
    operator: str
    scope_name: str
    values: ListOf[str] = Field(default_factory=list)


class ScopeSelector(PartialModel):
    match_expressions: ListOf[ScopedResourceSelectorRequirement] = Field(default_factory=list)


class ResourceQuotaSpec(PartialModel):
    hard: MapOf[Quantity] = Field(default_factory=dict)
    scope_selector: ScopeSelector | None = None
    scopes: ListOf[str] = Field(default_factory=list)


class ResourceQuotaStatus(PartialModel):
    hard: MapOf[Quantity] = Field(default_factory=dict)
    used: MapOf[Quantity] = Field(default_factory=dict)


class ResourceQuota(Resource, version="v1", short_names=("quota",), status_subresource=True):
    spec: ResourceQuotaSpec = Field(default_factory=ResourceQuotaSpec)
    status: ResourceQuotaStatus = Field(default_factory=ResourceQuotaStatus)


class ServiceAccount(Resource, version="v1", short_names=("sa",)):
    automount_service_account_token: bool | None = None
    image_pull_secrets: ListOf[LocalObjectReference] = Field(default_factory=list)
    secrets: ListOf[ObjectReference] = Field(default_factory=list)
