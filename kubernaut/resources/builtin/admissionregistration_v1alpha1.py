# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of admissionregistration.k8s.io/v1alpha1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "ApplyConfiguration",
    "JSONPatch",
    "MatchCondition",
    "MatchResources",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicyBindingSpec",
    "MutatingAdmissionPolicySpec",
    "Mutation",
    "NamedRuleWithOperations",
    "ParamKind",
    "ParamRef",
    "Variable",
]


class ApplyConfiguration(PartialModel):
    expression: str | None = None


class JSONPatch(PartialModel):
    expression: str | None = None


class MatchCondition(PartialModel):
    expression: str
    name: str


class NamedRuleWithOperations(PartialModel):
    api_groups: ListOf[str] = Field(default_factory=list)
    api_versions: ListOf[str] = Field(default_factory=list)
    operations: ListOf[str] = Field(default_factory=list)
    resource_names: ListOf[str] = Field(default_factory=list)
    resources: ListOf[str] = Field(default_factory=list)
    scope: str | None = None


class MatchResources(PartialModel):
    exclude_resource_rules: ListOf[NamedRuleWithOperations] = Field(default_factory=list)
    match_policy: str | None = None
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    resource_rules: ListOf[NamedRuleWithOperations] = Field(default_factory=list)


class Mutation(PartialModel):
    patch_type: str
    apply_configuration: ApplyConfiguration | None = None
    json_patch: JSONPatch | None = None


class ParamKind(PartialModel):
    api_version: str | None = None
    kind: str | None = None


class Variable(PartialModel):
    expression: str
    name: str


class MutatingAdmissionPolicySpec(PartialModel):
    failure_policy: str | None = None
    match_conditions: ListOf[MatchCondition] = Field(default_factory=list)
    match_constraints: MatchResources | None = None
    mutations: ListOf[Mutation] = Field(default_factory=list)
    param_kind: ParamKind | None = None
    reinvocation_policy: str | None = None
    variables: ListOf[Variable] = Field(default_factory=list)


class MutatingAdmissionPolicy(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1alpha1",
    scope="Cluster",
    categories=("api-extensions",),
):
    spec: MutatingAdmissionPolicySpec = Field(default_factory=MutatingAdmissionPolicySpec)


class ParamRef(PartialModel):
    name: str | None = None
    namespace: str | None = None
    parameter_not_found_action: str | None = None
    selector: LabelSelector | None = None


class MutatingAdmissionPolicyBindingSpec(PartialModel):
    match_resources: MatchResources | None = None
    param_ref: ParamRef | None = None
    policy_name: str | None = None


class MutatingAdmissionPolicyBinding(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1alpha1",
    scope="Cluster",
    categories=("api-extensions",),
):
    spec: MutatingAdmissionPolicyBindingSpec = Field(default_factory=MutatingAdmissionPolicyBindingSpec)
