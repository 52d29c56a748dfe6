# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of policy/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.meta_v1 import DeleteOptions, LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString, Time

__all__ = ["Eviction", "PodDisruptionBudget", "PodDisruptionBudgetSpec", "PodDisruptionBudgetStatus"]


class Eviction(Resource, group="policy", version="v1"):
    delete_options: DeleteOptions | None = None


class PodDisruptionBudgetSpec(PartialModel):
    max_unavailable: IntOrString | None = None
    min_available: IntOrString | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PodDisruptionBudgetStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    current_healthy: int | None = None
    desired_healthy: int | None = None
    disrupted_pods: MapOf[Time] = Field(default_factory=dict)
    disruptions_allowed: int | None = None
    expected_pods: int | None = None
    observed_generation: int | None = None


class PodDisruptionBudget(Resource, group="policy", version="v1", short_names=("pdb",), status_subresource=True):
    spec: PodDisruptionBudgetSpec = Field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = Field(default_factory=PodDisruptionBudgetStatus)
