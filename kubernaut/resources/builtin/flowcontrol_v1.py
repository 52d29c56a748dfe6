# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of flowcontrol.apiserver.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "ExemptPriorityLevelConfiguration",
    "FlowDistinguisherMethod",
    "FlowSchema",
    "FlowSchemaCondition",
    "FlowSchemaSpec",
    "FlowSchemaStatus",
    "GroupSubject",
    "LimitResponse",
    "LimitedPriorityLevelConfiguration",
    "NonResourcePolicyRule",
    "PolicyRulesWithSubjects",
    "PriorityLevelConfiguration",
    "PriorityLevelConfigurationCondition",
    "PriorityLevelConfigurationReference",
    "PriorityLevelConfigurationSpec",
    "PriorityLevelConfigurationStatus",
    "QueuingConfiguration",
    "ResourcePolicyRule",
    "ServiceAccountSubject",
    "Subject",
    "UserSubject",
]


class ExemptPriorityLevelConfiguration(PartialModel):
    lendable_percent: int | None = None
    nominal_concurrency_shares: int | None = None


class FlowDistinguisherMethod(PartialModel):
    type: str


class NonResourcePolicyRule(PartialModel):
    non_resource_urls: ListOf[str] = Field(default_factory=list)
    verbs: ListOf[str] = Field(default_factory=list)


class ResourcePolicyRule(PartialModel):
    api_groups: ListOf[str] = Field(default_factory=list)
    cluster_scope: bool | None = None
    namespaces: ListOf[str] = Field(default_factory=list)
    resources: ListOf[str] = Field(default_factory=list)
    verbs: ListOf[str] = Field(default_factory=list)


class GroupSubject(PartialModel):
    name: str


class ServiceAccountSubject(PartialModel):
    name: str
    namespace: str


class UserSubject(PartialModel):
    name: str


class Subject(PartialModel):
    kind: str
    group: GroupSubject | None = None
    service_account: ServiceAccountSubject | None = None
    user: UserSubject | None = None


class PolicyRulesWithSubjects(PartialModel):
    non_resource_rules: ListOf[NonResourcePolicyRule] = Field(default_factory=list)
    resource_rules: ListOf[ResourcePolicyRule] = Field(default_factory=list)
    subjects: ListOf[Subject] = Field(default_factory=list)


class PriorityLevelConfigurationReference(PartialModel):
    name: str


class FlowSchemaSpec(PartialModel):
    priority_level_configuration: PriorityLevelConfigurationReference
    distinguisher_method: FlowDistinguisherMethod | None = None
    matching_precedence: int | None = None
    rules: ListOf[PolicyRulesWithSubjects] = Field(default_factory=list)


class FlowSchemaCondition(Condition):
    pass


class FlowSchemaStatus(PartialModel):
    conditions: ListOf[FlowSchemaCondition] = Field(default_factory=list)


class FlowSchema(
    Resource,
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    scope="Cluster",
    status_subresource=True,
):
    spec: FlowSchemaSpec | None = None
    status: FlowSchemaStatus = Field(default_factory=FlowSchemaStatus)


class QueuingConfiguration(PartialModel):
    hand_size: int | None = None
    queue_length_limit: int | None = None
    queues: int | None = None


class LimitResponse(PartialModel):
    type: str
    queuing: QueuingConfiguration | None = None


class LimitedPriorityLevelConfiguration(PartialModel):
    borrowing_limit_percent: int | None = None
    lendable_percent: int | None = None
    limit_response: LimitResponse | None = None
    nominal_concurrency_shares: int | None = None


class PriorityLevelConfigurationSpec(PartialModel):
    type: str
    exempt: ExemptPriorityLevelConfiguration | None = None
    limited: LimitedPriorityLevelConfiguration | None = None


class PriorityLevelConfigurationCondition(Condition):
    pass


class PriorityLevelConfigurationStatus(PartialModel):
    conditions: ListOf[PriorityLevelConfigurationCondition] = Field(default_factory=list)


class PriorityLevelConfiguration(
    Resource,
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    scope="Cluster",
    status_subresource=True,
):
    spec: PriorityLevelConfigurationSpec | None = None
    status: PriorityLevelConfigurationStatus = Field(default_factory=PriorityLevelConfigurationStatus)
