# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of node.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.pods import Toleration
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Quantity

__all__ = ["Overhead", "RuntimeClass", "Scheduling"]


class Overhead(PartialModel):
    pod_fixed: MapOf[Quantity] = Field(default_factory=dict)


class Scheduling(PartialModel):
    node_selector: MapOf[str] = Field(default_factory=dict)
    tolerations: ListOf[Toleration] = Field(default_factory=list)


class RuntimeClass(Resource, group="node.k8s.io", version="v1", scope="Cluster"):
    handler: str
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None
