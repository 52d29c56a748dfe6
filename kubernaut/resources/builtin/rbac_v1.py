# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of rbac.authorization.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "AggregationRule",
    "ClusterRole",
    "ClusterRoleBinding",
    "PolicyRule",
    "Role",
    "RoleBinding",
    "RoleRef",
    "Subject",
]


class AggregationRule(PartialModel):
    cluster_role_selectors: ListOf[LabelSelector] = Field(default_factory=list)


class PolicyRule(PartialModel):
    verbs: ListOf[str]
    api_groups: ListOf[str] = Field(default_factory=list)
    non_resource_urls: ListOf[str] = Field(default_factory=list)
    resource_names: ListOf[str] = Field(default_factory=list)
    resources: ListOf[str] = Field(default_factory=list)


class ClusterRole(Resource, group="rbac.authorization.k8s.io", version="v1", scope="Cluster"):
    aggregation_rule: AggregationRule | None = None
    rules: ListOf[PolicyRule] = Field(default_factory=list)


class RoleRef(PartialModel):
    kind: str
    name: str
    api_group: str = "rbac.authorization.k8s.io"


class Subject(PartialModel):
    kind: str
    name: str
    api_group: str | None = None
    namespace: str | None = None


class ClusterRoleBinding(Resource, group="rbac.authorization.k8s.io", version="v1", scope="Cluster"):
    role_ref: RoleRef
    subjects: ListOf[Subject] = Field(default_factory=list)


class Role(Resource, group="rbac.authorization.k8s.io", version="v1"):
    rules: ListOf[PolicyRule] = Field(default_factory=list)


class RoleBinding(Resource, group="rbac.authorization.k8s.io", version="v1"):
    role_ref: RoleRef
    subjects: ListOf[Subject] = Field(default_factory=list)
