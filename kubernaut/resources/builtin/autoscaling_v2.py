# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of autoscaling/v2."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Quantity, Time

__all__ = [
    "ContainerResourceMetricSource",
    "ContainerResourceMetricStatus",
    "CrossVersionObjectReference",
    "ExternalMetricSource",
    "ExternalMetricStatus",
    "HPAScalingPolicy",
    "HPAScalingRules",
    "HorizontalPodAutoscaler",
    "HorizontalPodAutoscalerBehavior",
    "HorizontalPodAutoscalerCondition",
    "HorizontalPodAutoscalerSpec",
    "HorizontalPodAutoscalerStatus",
    "MetricIdentifier",
    "MetricSpec",
    "MetricStatus",
    "MetricTarget",
    "MetricValueStatus",
    "ObjectMetricSource",
    "ObjectMetricStatus",
    "PodsMetricSource",
    "PodsMetricStatus",
    "ResourceMetricSource",
    "ResourceMetricStatus",
]


class MetricTarget(PartialModel):
    type: str
    average_utilization: int | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ContainerResourceMetricSource(PartialModel):
    container: str
    name: str
    target: MetricTarget


class MetricValueStatus(PartialModel):
    average_utilization: int | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ContainerResourceMetricStatus(PartialModel):
    container: str
    name: str
    current: MetricValueStatus = Field(default_factory=MetricValueStatus)


class CrossVersionObjectReference(PartialModel):
    kind: str
    name: str
    api_version: str | None = None


class MetricIdentifier(PartialModel):
    name: str
    selector: LabelSelector | None = None


class ExternalMetricSource(PartialModel):
    metric: MetricIdentifier
    target: MetricTarget


class ExternalMetricStatus(PartialModel):
    metric: MetricIdentifier
    current: MetricValueStatus = Field(default_factory=MetricValueStatus)


class HPAScalingPolicy(PartialModel):
    period_seconds: int
    type: str
    value: int


class HPAScalingRules(PartialModel):
    policies: ListOf[HPAScalingPolicy] = Field(default_factory=list)
    select_policy: str | None = None
    stabilization_window_seconds: int | None = None
    tolerance: Quantity | None = None


class HorizontalPodAutoscalerBehavior(PartialModel):
    scale_down: HPAScalingRules | None = None
    scale_up: HPAScalingRules | None = None


class ObjectMetricSource(PartialModel):
    described_object: CrossVersionObjectReference
    metric: MetricIdentifier
    target: MetricTarget


class PodsMetricSource(PartialModel):
    metric: MetricIdentifier
    target: MetricTarget


class ResourceMetricSource(PartialModel):
    name: str
    target: MetricTarget


class MetricSpec(PartialModel):
    type: str
    container_resource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None
    object_: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None


class HorizontalPodAutoscalerSpec(PartialModel):
    max_replicas: int
    scale_target_ref: CrossVersionObjectReference
    behavior: HorizontalPodAutoscalerBehavior | None = None
    metrics: ListOf[MetricSpec] = Field(default_factory=list)
    min_replicas: int | None = None


class HorizontalPodAutoscalerCondition(Condition):
    pass


class ObjectMetricStatus(PartialModel):
    described_object: CrossVersionObjectReference
    metric: MetricIdentifier
    current: MetricValueStatus = Field(default_factory=MetricValueStatus)


class PodsMetricStatus(PartialModel):
    metric: MetricIdentifier
    current: MetricValueStatus = Field(default_factory=MetricValueStatus)


class ResourceMetricStatus(PartialModel):
    name: str
    current: MetricValueStatus = Field(default_factory=MetricValueStatus)


class MetricStatus(PartialModel):
    type: str
    container_resource: ContainerResourceMetricStatus | None = None
    external: ExternalMetricStatus | None = None
    object_: ObjectMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    resource: ResourceMetricStatus | None = None


class HorizontalPodAutoscalerStatus(PartialModel):
    conditions: ListOf[HorizontalPodAutoscalerCondition] = Field(default_factory=list)
    current_metrics: ListOf[MetricStatus] = Field(default_factory=list)
    current_replicas: int | None = None
    desired_replicas: int = 0
    last_scale_time: Time | None = None
    observed_generation: int | None = None


class HorizontalPodAutoscaler(
    Resource,
    group="autoscaling",
    version="v2",
    short_names=("hpa",),
    categories=("all",),
    status_subresource=True,
):
    spec: HorizontalPodAutoscalerSpec
    status: HorizontalPodAutoscalerStatus = Field(default_factory=HorizontalPodAutoscalerStatus)
