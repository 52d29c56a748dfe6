# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of resource.k8s.io/v1alpha3."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "DeviceTaint",
    "DeviceTaintRule",
    "DeviceTaintRuleSpec",
    "DeviceTaintRuleStatus",
    "DeviceTaintSelector",
    "PoolStatus",
    "ResourcePoolStatusRequest",
    "ResourcePoolStatusRequestSpec",
    "ResourcePoolStatusRequestStatus",
]


class DeviceTaint(PartialModel):
    effect: str
    key: str
    time_added: Time | None = None
    value: str | None = None


class DeviceTaintSelector(PartialModel):
    device: str | None = None
    driver: str | None = None
    pool: str | None = None


class DeviceTaintRuleSpec(PartialModel):
    taint: DeviceTaint
    device_selector: DeviceTaintSelector | None = None


class DeviceTaintRuleStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)


class DeviceTaintRule(Resource, group="resource.k8s.io", version="v1alpha3", scope="Cluster", status_subresource=True):
    spec: DeviceTaintRuleSpec
    status: DeviceTaintRuleStatus = Field(default_factory=DeviceTaintRuleStatus)


class PoolStatus(PartialModel):
    driver: str
    pool_name: str
    allocated_devices: int | None = None
    available_devices: int | None = None
    generation: int = 0
    node_name: str | None = None
    resource_slice_count: int | None = None
    total_devices: int | None = None
    unavailable_devices: int | None = None
    validation_error: str | None = None


class ResourcePoolStatusRequestSpec(PartialModel):
    driver: str
    limit: int | None = None
    pool_name: str | None = None


class ResourcePoolStatusRequestStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    pool_count: int = 0
    pools: ListOf[PoolStatus] = Field(default_factory=list)


class ResourcePoolStatusRequest(
    Resource,
    group="resource.k8s.io",
    version="v1alpha3",
    scope="Cluster",
    status_subresource=True,
):
    spec: ResourcePoolStatusRequestSpec
    status: ResourcePoolStatusRequestStatus = Field(default_factory=ResourcePoolStatusRequestStatus)
