"""The group policy, v1: how far pods may be disturbed."""

from pydantic import Field

from kubernaut.resources.builtin.pods import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString, JsonObject


class PodDisruptionBudgetSpec(PartialModel):
    """How many of the selected pods must stay, or may be missing."""

    selector: LabelSelector | None = None
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class PodDisruptionBudgetStatus(PartialModel):
    """How many pods may be evicted now."""

    observed_generation: int | None = None
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: list[Condition] = Field(default_factory=list)


class PodDisruptionBudget(Resource, group="policy", version="v1", short_names=("pdb",), status_subresource=True):
    """Bounds how many pods of a workload may be evicted at once."""

    spec: PodDisruptionBudgetSpec = Field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = Field(default_factory=PodDisruptionBudgetStatus)


class Eviction(Resource, group="policy", version="v1"):
    """Asks for a pod to be evicted; created at the pod's `eviction` subresource, never stored."""

    delete_options: JsonObject | None = None
