# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of authorization.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.meta_v1 import FieldSelectorRequirement, LabelSelectorRequirement
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "FieldSelectorAttributes",
    "LabelSelectorAttributes",
    "LocalSubjectAccessReview",
    "NonResourceAttributes",
    "NonResourceRule",
    "ResourceAttributes",
    "ResourceRule",
    "SelfSubjectAccessReview",
    "SelfSubjectAccessReviewSpec",
    "SelfSubjectRulesReview",
    "SelfSubjectRulesReviewSpec",
    "SubjectAccessReview",
    "SubjectAccessReviewSpec",
    "SubjectAccessReviewStatus",
    "SubjectRulesReviewStatus",
]


class FieldSelectorAttributes(PartialModel):
    raw_selector: str | None = None
    requirements: ListOf[FieldSelectorRequirement] = Field(default_factory=list)


class LabelSelectorAttributes(PartialModel):
    raw_selector: str | None = None
    requirements: ListOf[LabelSelectorRequirement] = Field(default_factory=list)


class NonResourceAttributes(PartialModel):
    path: str | None = None
    verb: str | None = None


class ResourceAttributes(PartialModel):
    field_selector: FieldSelectorAttributes | None = None
    group: str | None = None
    label_selector: LabelSelectorAttributes | None = None
    name: str | None = None
    namespace: str | None = None
    resource: str | None = None
    subresource: str | None = None
    verb: str | None = None
    version: str | None = None


class SubjectAccessReviewSpec(PartialModel):
    extra: MapOf[ListOf[str]] = Field(default_factory=dict)
    groups: ListOf[str] = Field(default_factory=list)
    non_resource_attributes: NonResourceAttributes | None = None
    resource_attributes: ResourceAttributes | None = None
    uid: str | None = None
    user: str | None = None


class SubjectAccessReviewStatus(PartialModel):
    allowed: bool = False
    denied: bool | None = None
    evaluation_error: str | None = None
    reason: str | None = None


class LocalSubjectAccessReview(Resource, group="authorization.k8s.io", version="v1"):
    spec: SubjectAccessReviewSpec = Field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = Field(default_factory=SubjectAccessReviewStatus)


class NonResourceRule(PartialModel):
    non_resource_urls: ListOf[str] = Field(default_factory=list)
    verbs: ListOf[str] = Field(default_factory=list)


class ResourceRule(PartialModel):
    api_groups: ListOf[str] = Field(default_factory=list)
    resource_names: ListOf[str] = Field(default_factory=list)
    resources: ListOf[str] = Field(default_factory=list)
    verbs: ListOf[str] = Field(default_factory=list)


class SelfSubjectAccessReviewSpec(PartialModel):
    non_resource_attributes: NonResourceAttributes | None = None
    resource_attributes: ResourceAttributes | None = None


class SelfSubjectAccessReview(Resource, group="authorization.k8s.io", version="v1", scope="Cluster"):
    spec: SelfSubjectAccessReviewSpec = Field(default_factory=SelfSubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = Field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectRulesReviewSpec(PartialModel):
    namespace: str | None = None


class SubjectRulesReviewStatus(PartialModel):
    evaluation_error: str | None = None
    incomplete: bool = False
    non_resource_rules: ListOf[NonResourceRule] = Field(default_factory=list)
    resource_rules: ListOf[ResourceRule] = Field(default_factory=list)


class SelfSubjectRulesReview(Resource, group="authorization.k8s.io", version="v1", scope="Cluster"):
    spec: SelfSubjectRulesReviewSpec = Field(default_factory=SelfSubjectRulesReviewSpec)
    status: SubjectRulesReviewStatus = Field(default_factory=SubjectRulesReviewStatus)


class SubjectAccessReview(Resource, group="authorization.k8s.io", version="v1", scope="Cluster"):
    spec: SubjectAccessReviewSpec = Field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = Field(default_factory=SubjectAccessReviewStatus)
