# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""Types of meta/v1 that kinds of several groups are made of."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.model import PartialModel

__all__ = [
    "DeleteOptions",
    "FieldSelectorRequirement",
    "GroupResource",
    "LabelSelector",
    "LabelSelectorRequirement",
    "Preconditions",
]


class Preconditions(PartialModel):
    resource_version: str | None = None
    uid: str | None = None


class DeleteOptions(PartialModel):
    api_version: str | None = None
    dry_run: ListOf[str] = Field(default_factory=list)
    grace_period_seconds: int | None = None
    ignore_store_read_error_with_cluster_breaking_potential: bool | None = None
    kind: str | None = None
    orphan_dependents: bool | None = None
    preconditions: Preconditions | None = None
    propagation_policy: str | None = None


class FieldSelectorRequirement(PartialModel):
    key: str
    operator: str
    values: ListOf[str] = Field(default_factory=list)


class GroupResource(PartialModel):
    group: str
    resource: str


class LabelSelectorRequirement(PartialModel):
    key: str
    operator: str
    values: ListOf[str] = Field(default_factory=list)


class LabelSelector(PartialModel):
    match_expressions: ListOf[LabelSelectorRequirement] = Field(default_factory=list)
    match_labels: MapOf[str] = Field(default_factory=dict)
