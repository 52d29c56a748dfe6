# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of admissionregistration.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "ApplyConfiguration",
    "AuditAnnotation",
    "ExpressionWarning",
    "JSONPatch",
    "MatchCondition",
    "MatchResources",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicyBindingSpec",
    "MutatingAdmissionPolicySpec",
    "MutatingWebhook",
    "MutatingWebhookConfiguration",
    "Mutation",
    "NamedRuleWithOperations",
    "ParamKind",
    "ParamRef",
    "RuleWithOperations",
    "ServiceReference",
    "TypeChecking",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicyBindingSpec",
    "ValidatingAdmissionPolicySpec",
    "ValidatingAdmissionPolicyStatus",
    "ValidatingWebhook",
    "ValidatingWebhookConfiguration",
    "Validation",
    "Variable",
    "WebhookClientConfig",
]


class ApplyConfiguration(PartialModel):
    expression: str | None = None


class AuditAnnotation(PartialModel):
    key: str
    value_expression: str


class ExpressionWarning(PartialModel):
    field_ref: str
    warning: str


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
    version="v1",
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
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
):
    spec: MutatingAdmissionPolicyBindingSpec = Field(default_factory=MutatingAdmissionPolicyBindingSpec)


class RuleWithOperations(PartialModel):
    api_groups: ListOf[str] = Field(default_factory=list)
    api_versions: ListOf[str] = Field(default_factory=list)
    operations: ListOf[str] = Field(default_factory=list)
    resources: ListOf[str] = Field(default_factory=list)
    scope: str | None = None


class ServiceReference(PartialModel):
    name: str
    namespace: str
    path: str | None = None
    port: int | None = None


class WebhookClientConfig(PartialModel):
    ca_bundle: str | None = None
    service: ServiceReference | None = None
    url: str | None = None


class MutatingWebhook(PartialModel):
    name: str
    side_effects: str
    admission_review_versions: ListOf[str] = Field(default_factory=list)
    client_config: WebhookClientConfig = Field(default_factory=WebhookClientConfig)
    failure_policy: str | None = None
    match_conditions: ListOf[MatchCondition] = Field(default_factory=list)
    match_policy: str | None = None
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    reinvocation_policy: str | None = None
    rules: ListOf[RuleWithOperations] = Field(default_factory=list)
    timeout_seconds: int | None = None


class MutatingWebhookConfiguration(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
):
    webhooks: ListOf[MutatingWebhook] = Field(default_factory=list)


class TypeChecking(PartialModel):
    expression_warnings: ListOf[ExpressionWarning] = Field(default_factory=list)


class Validation(PartialModel):
    expression: str
    message: str | None = None
    message_expression: str | None = None
    reason: str | None = None


class ValidatingAdmissionPolicySpec(PartialModel):
    audit_annotations: ListOf[AuditAnnotation] = Field(default_factory=list)
    failure_policy: str | None = None
    match_conditions: ListOf[MatchCondition] = Field(default_factory=list)
    match_constraints: MatchResources | None = None
    param_kind: ParamKind | None = None
    validations: ListOf[Validation] = Field(default_factory=list)
    variables: ListOf[Variable] = Field(default_factory=list)


class ValidatingAdmissionPolicyStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    observed_generation: int | None = None
    type_checking: TypeChecking | None = None


class ValidatingAdmissionPolicy(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
    status_subresource=True,
):
    spec: ValidatingAdmissionPolicySpec = Field(default_factory=ValidatingAdmissionPolicySpec)
    status: ValidatingAdmissionPolicyStatus = Field(default_factory=ValidatingAdmissionPolicyStatus)


class ValidatingAdmissionPolicyBindingSpec(PartialModel):
    policy_name: str
    match_resources: MatchResources | None = None
    param_ref: ParamRef | None = None
    validation_actions: ListOf[str] = Field(default_factory=list)


class ValidatingAdmissionPolicyBinding(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
):
    spec: ValidatingAdmissionPolicyBindingSpec


class ValidatingWebhook(PartialModel):
    name: str
    side_effects: str
    admission_review_versions: ListOf[str] = Field(default_factory=list)
    client_config: WebhookClientConfig = Field(default_factory=WebhookClientConfig)
    failure_policy: str | None = None
    match_conditions: ListOf[MatchCondition] = Field(default_factory=list)
    match_policy: str | None = None
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    rules: ListOf[RuleWithOperations] = Field(default_factory=list)
    timeout_seconds: int | None = None


class ValidatingWebhookConfiguration(
    Resource,
    group="admissionregistration.k8s.io",
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
):
    webhooks: ListOf[ValidatingWebhook] = Field(default_factory=list)
