# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of autoscaling/v1."""

from pydantic import Field

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "CrossVersionObjectReference",
    "HorizontalPodAutoscaler",
    "HorizontalPodAutoscalerSpec",
    "HorizontalPodAutoscalerStatus",
    "Scale",
    "ScaleSpec",
    "ScaleStatus",
]


class CrossVersionObjectReference(PartialModel):
    kind: str
    name: str
    api_version: str | None = None


class HorizontalPodAutoscalerSpec(PartialModel):
    max_replicas: int
    scale_target_ref: CrossVersionObjectReference
    min_replicas: int | None = None
    target_cpu_utilization_percentage: int | None = Field(default=None, alias="targetCPUUtilizationPercentage")


class HorizontalPodAutoscalerStatus(PartialModel):
    current_cpu_utilization_percentage: int | None = Field(default=None, alias="currentCPUUtilizationPercentage")
    current_replicas: int = 0
    desired_replicas: int = 0
    last_scale_time: Time | None = None
    observed_generation: int | None = None


class HorizontalPodAutoscaler(
    Resource,
    group="autoscaling",
    version="v1",
    short_names=("hpa",),
    categories=("all",),
    status_subresource=True,
):
    spec: HorizontalPodAutoscalerSpec
    status: HorizontalPodAutoscalerStatus = Field(default_factory=HorizontalPodAutoscalerStatus)


class ScaleSpec(PartialModel):
    replicas: int | None = None


class ScaleStatus(PartialModel):
    replicas: int = 0
    selector: str | None = None


class Scale(Resource, group="autoscaling", version="v1"):
    spec: ScaleSpec = Field(default_factory=ScaleSpec)
    status: ScaleStatus = Field(default_factory=ScaleStatus)
