# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of resource.k8s.io/v1beta2."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import NodeSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.meta import ObjectMeta
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import JsonObject, Quantity, Time

__all__ = [
    "AllocatedDeviceStatus",
    "AllocationResult",
    "CELDeviceSelector",
    "CapacityRequestPolicy",
    "CapacityRequestPolicyRange",
    "CapacityRequirements",
    "Counter",
    "CounterSet",
    "Device",
    "DeviceAllocationConfiguration",
    "DeviceAllocationResult",
    "DeviceAttribute",
    "DeviceCapacity",
    "DeviceClaim",
    "DeviceClaimConfiguration",
    "DeviceClass",
    "DeviceClassConfiguration",
    "DeviceClassSpec",
    "DeviceConstraint",
    "DeviceCounterConsumption",
    "DeviceRequest",
    "DeviceRequestAllocationResult",
    "DeviceSelector",
    "DeviceSubRequest",
    "DeviceTaint",
    "DeviceTaintRule",
    "DeviceTaintRuleSpec",
    "DeviceTaintRuleStatus",
    "DeviceTaintSelector",
    "DeviceToleration",
    "ExactDeviceRequest",
    "NetworkDeviceData",
    "NodeAllocatableResourceMapping",
    "OpaqueDeviceConfiguration",
    "ResourceClaim",
    "ResourceClaimConsumerReference",
    "ResourceClaimSpec",
    "ResourceClaimStatus",
    "ResourceClaimTemplate",
    "ResourceClaimTemplateSpec",
    "ResourcePool",
    "ResourceSlice",
    "ResourceSliceSpec",
]


class NetworkDeviceData(PartialModel):
    hardware_address: str | None = None
    interface_name: str | None = None
    ips: ListOf[str] = Field(default_factory=list)


class AllocatedDeviceStatus(PartialModel):
    device: str
    driver: str
    pool: str
    conditions: ListOf[Condition] = Field(default_factory=list)
    data: JsonObject | None = None
    network_data: NetworkDeviceData | None = None
    share_id: str | None = Field(default=None, alias="shareID")


class OpaqueDeviceConfiguration(PartialModel):
    driver: str
    parameters: JsonObject


class DeviceAllocationConfiguration(PartialModel):
    source: str
    opaque: OpaqueDeviceConfiguration | None = None
    requests: ListOf[str] = Field(default_factory=list)


class DeviceToleration(PartialModel):
    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: int | None = None
    value: str | None = None


class DeviceRequestAllocationResult(PartialModel):
    device: str
    driver: str
    pool: str
    request: str
    admin_access: bool | None = None
    binding_conditions: ListOf[str] = Field(default_factory=list)
    binding_failure_conditions: ListOf[str] = Field(default_factory=list)
    consumed_capacity: MapOf[Quantity] = Field(default_factory=dict)
    share_id: str | None = Field(default=None, alias="shareID")
    tolerations: ListOf[DeviceToleration] = Field(default_factory=list)


class DeviceAllocationResult(PartialModel):
    config: ListOf[DeviceAllocationConfiguration] = Field(default_factory=list)
    results: ListOf[DeviceRequestAllocationResult] = Field(default_factory=list)


class AllocationResult(PartialModel):
    allocation_timestamp: Time | None = None
    devices: DeviceAllocationResult | None = None
    node_selector: NodeSelector | None = None


class CELDeviceSelector(PartialModel):
    expression: str


class CapacityRequestPolicyRange(PartialModel):
    min: Quantity
    max: Quantity | None = None
    step: Quantity | None = None


class CapacityRequestPolicy(PartialModel):
    default: Quantity | None = None
    valid_range: CapacityRequestPolicyRange | None = None
    valid_values: ListOf[Quantity] = Field(default_factory=list)


class CapacityRequirements(PartialModel):
    requests: MapOf[Quantity] = Field(default_factory=dict)


class Counter(PartialModel):
    value: Quantity


class CounterSet(PartialModel):
    name: str
    counters: MapOf[Counter] = Field(default_factory=dict)


class DeviceAttribute(PartialModel):
    bool_: bool | None = None
    bools: ListOf[bool] = Field(default_factory=list)
    int_: int | None = None
    ints: ListOf[int] = Field(default_factory=list)
    string: str | None = None
    strings: ListOf[str] = Field(default_factory=list)
    version: str | None = None
    versions: ListOf[str] = Field(default_factory=list)


class DeviceCapacity(PartialModel):
    value: Quantity
    request_policy: CapacityRequestPolicy | None = None


class DeviceCounterConsumption(PartialModel):
    counter_set: str
    counters: MapOf[Counter] = Field(default_factory=dict)


class DeviceTaint(PartialModel):
    effect: str
    key: str
    time_added: Time | None = None
    value: str | None = None


class NodeAllocatableResourceMapping(PartialModel):
    allocation_multiplier: Quantity | None = None
    capacity_key: str | None = None


class Device(PartialModel):
    name: str
    all_nodes: bool | None = None
    allow_multiple_allocations: bool | None = None
    attributes: MapOf[DeviceAttribute] = Field(default_factory=dict)
    binding_conditions: ListOf[str] = Field(default_factory=list)
    binding_failure_conditions: ListOf[str] = Field(default_factory=list)
    binds_to_node: bool | None = None
    capacity: MapOf[DeviceCapacity] = Field(default_factory=dict)
    consumes_counters: ListOf[DeviceCounterConsumption] = Field(default_factory=list)
    node_allocatable_resource_mappings: MapOf[NodeAllocatableResourceMapping] = Field(default_factory=dict)
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    taints: ListOf[DeviceTaint] = Field(default_factory=list)


class DeviceClaimConfiguration(PartialModel):
    opaque: OpaqueDeviceConfiguration | None = None
    requests: ListOf[str] = Field(default_factory=list)


class DeviceConstraint(PartialModel):
    distinct_attribute: str | None = None
    match_attribute: str | None = None
    requests: ListOf[str] = Field(default_factory=list)


class DeviceSelector(PartialModel):
    cel: CELDeviceSelector | None = None


class DeviceSubRequest(PartialModel):
    device_class_name: str
    name: str
    allocation_mode: str | None = None
    capacity: CapacityRequirements | None = None
    count: int | None = None
    selectors: ListOf[DeviceSelector] = Field(default_factory=list)
    tolerations: ListOf[DeviceToleration] = Field(default_factory=list)


class ExactDeviceRequest(PartialModel):
    device_class_name: str
    admin_access: bool | None = None
    allocation_mode: str | None = None
    capacity: CapacityRequirements | None = None
    count: int | None = None
    selectors: ListOf[DeviceSelector] = Field(default_factory=list)
    tolerations: ListOf[DeviceToleration] = Field(default_factory=list)


class DeviceRequest(PartialModel):
    name: str
    exactly: ExactDeviceRequest | None = None
    first_available: ListOf[DeviceSubRequest] = Field(default_factory=list)


class DeviceClaim(PartialModel):
    config: ListOf[DeviceClaimConfiguration] = Field(default_factory=list)
    constraints: ListOf[DeviceConstraint] = Field(default_factory=list)
    requests: ListOf[DeviceRequest] = Field(default_factory=list)


class DeviceClassConfiguration(PartialModel):
    opaque: OpaqueDeviceConfiguration | None = None


class DeviceClassSpec(PartialModel):
    config: ListOf[DeviceClassConfiguration] = Field(default_factory=list)
    extended_resource_name: str | None = None
    selectors: ListOf[DeviceSelector] = Field(default_factory=list)


class DeviceClass(Resource, group="resource.k8s.io", version="v1beta2", scope="Cluster"):
    spec: DeviceClassSpec = Field(default_factory=DeviceClassSpec)


class DeviceTaintSelector(PartialModel):
    device: str | None = None
    driver: str | None = None
    pool: str | None = None


class DeviceTaintRuleSpec(PartialModel):
    taint: DeviceTaint
    device_selector: DeviceTaintSelector | None = None


class DeviceTaintRuleStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)


class DeviceTaintRule(Resource, group="resource.k8s.io", version="v1beta2", scope="Cluster", status_subresource=True):
    spec: DeviceTaintRuleSpec
    status: DeviceTaintRuleStatus = Field(default_factory=DeviceTaintRuleStatus)


class ResourceClaimSpec(PartialModel):
    devices: DeviceClaim | None = None


class ResourceClaimConsumerReference(PartialModel):
    name: str
    resource: str
    uid: str
    api_group: str | None = None


class ResourceClaimStatus(PartialModel):
    allocation: AllocationResult | None = None
    devices: ListOf[AllocatedDeviceStatus] = Field(default_factory=list)
    reserved_for: ListOf[ResourceClaimConsumerReference] = Field(default_factory=list)


class ResourceClaim(Resource, group="resource.k8s.io", version="v1beta2", status_subresource=True):
    spec: ResourceClaimSpec = Field(default_factory=ResourceClaimSpec)
    status: ResourceClaimStatus = Field(default_factory=ResourceClaimStatus)


class ResourceClaimTemplateSpec(PartialModel):
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: ResourceClaimSpec = Field(default_factory=ResourceClaimSpec)


class ResourceClaimTemplate(Resource, group="resource.k8s.io", version="v1beta2"):
    spec: ResourceClaimTemplateSpec = Field(default_factory=ResourceClaimTemplateSpec)


class ResourcePool(PartialModel):
    generation: int
    name: str
    resource_slice_count: int


class ResourceSliceSpec(PartialModel):
    driver: str
    pool: ResourcePool
    all_nodes: bool | None = None
    devices: ListOf[Device] = Field(default_factory=list)
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    per_device_node_selection: bool | None = None
    shared_counters: ListOf[CounterSet] = Field(default_factory=list)


class ResourceSlice(Resource, group="resource.k8s.io", version="v1beta2", scope="Cluster"):
    spec: ResourceSliceSpec
