"""The group rbac.authorization.k8s.io, v1: who may do what."""

from pydantic import Field

from kubernaut.resources.builtin.pods import LabelSelector
from kubernaut.resources.model import Model
from kubernaut.resources.resource import Resource

_GROUP = "rbac.authorization.k8s.io"


class PolicyRule(Model):
    """Allows verbs on resources (`pods`, `pods/log`) of API groups, or on URLs."""

    verbs: list[str]
    api_groups: list[str] = Field(default_factory=list)
    resources: list[str] = Field(default_factory=list)
    resource_names: list[str] = Field(default_factory=list)
    non_resource_urls: list[str] = Field(default_factory=list)


class RoleRef(Model):
    """The Role or ClusterRole a binding gives."""

    kind: str
    name: str
    api_group: str = _GROUP


class Subject(Model):
    """Whom a binding gives it to: a ServiceAccount (with namespace), User or Group."""

    kind: str
    name: str
    namespace: str | None = None
    api_group: str | None = None


class Role(Resource, group=_GROUP, version="v1"):
    """Rules within one namespace."""

    rules: list[PolicyRule] = Field(default_factory=list)


class AggregationRule(Model):
    """Selects the ClusterRoles whose rules are gathered into one."""

    cluster_role_selectors: list[LabelSelector] = Field(default_factory=list)


class ClusterRole(Resource, group=_GROUP, version="v1", scope="Cluster"):
    """Rules for the whole cluster, or to be bound in a namespace."""

    rules: list[PolicyRule] = Field(default_factory=list)
    aggregation_rule: AggregationRule | None = None


class RoleBinding(Resource, group=_GROUP, version="v1"):
    """Gives a role within one namespace."""

    role_ref: RoleRef
    subjects: list[Subject] = Field(default_factory=list)


class ClusterRoleBinding(Resource, group=_GROUP, version="v1", scope="Cluster"):
    """Gives a ClusterRole everywhere."""

    role_ref: RoleRef
    subjects: list[Subject] = Field(default_factory=list)
