# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of scheduling.k8s.io/v1alpha2."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "BasicSchedulingPolicy",
    "GangSchedulingPolicy",
    "PodGroup",
    "PodGroupResourceClaim",
    "PodGroupResourceClaimStatus",
    "PodGroupSchedulingConstraints",
    "PodGroupSchedulingPolicy",
    "PodGroupSpec",
    "PodGroupStatus",
    "PodGroupTemplate",
    "PodGroupTemplateReference",
    "TopologyConstraint",
    "TypedLocalObjectReference",
    "Workload",
    "WorkloadPodGroupTemplateReference",
    "WorkloadSpec",
]


class BasicSchedulingPolicy(PartialModel):
    pass


class GangSchedulingPolicy(PartialModel):
    min_count: int


class PodGroupResourceClaim(PartialModel):
    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class TopologyConstraint(PartialModel):
    key: str


class PodGroupSchedulingConstraints(PartialModel):
    topology: ListOf[TopologyConstraint] = Field(default_factory=list)


class PodGroupSchedulingPolicy(PartialModel):
    basic: BasicSchedulingPolicy | None = None
    gang: GangSchedulingPolicy | None = None


class WorkloadPodGroupTemplateReference(PartialModel):
    pod_group_template_name: str
    workload_name: str


class PodGroupTemplateReference(PartialModel):
    workload: WorkloadPodGroupTemplateReference | None = None


class PodGroupSpec(PartialModel):
    disruption_mode: str | None = None
    pod_group_template_ref: PodGroupTemplateReference | None = None
    priority: int | None = None
    priority_class_name: str | None = None
    resource_claims: ListOf[PodGroupResourceClaim] = Field(default_factory=list)
    scheduling_constraints: PodGroupSchedulingConstraints | None = None
    scheduling_policy: PodGroupSchedulingPolicy = Field(default_factory=PodGroupSchedulingPolicy)


class PodGroupResourceClaimStatus(PartialModel):
    name: str
    resource_claim_name: str | None = None


class PodGroupStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    resource_claim_statuses: ListOf[PodGroupResourceClaimStatus] = Field(default_factory=list)


class PodGroup(Resource, group="scheduling.k8s.io", version="v1alpha2", status_subresource=True):
    spec: PodGroupSpec = Field(default_factory=PodGroupSpec)
    status: PodGroupStatus = Field(default_factory=PodGroupStatus)


class PodGroupTemplate(PartialModel):
    name: str
    disruption_mode: str | None = None
    priority: int | None = None
    priority_class_name: str | None = None
    resource_claims: ListOf[PodGroupResourceClaim] = Field(default_factory=list)
    scheduling_constraints: PodGroupSchedulingConstraints | None = None
    scheduling_policy: PodGroupSchedulingPolicy = Field(default_factory=PodGroupSchedulingPolicy)


class TypedLocalObjectReference(PartialModel):
    kind: str
    name: str
    api_group: str | None = None


class WorkloadSpec(PartialModel):
    controller_ref: TypedLocalObjectReference | None = None
    pod_group_templates: ListOf[PodGroupTemplate] = Field(default_factory=list)


class Workload(Resource, group="scheduling.k8s.io", version="v1alpha2"):
    spec: WorkloadSpec = Field(default_factory=WorkloadSpec)
