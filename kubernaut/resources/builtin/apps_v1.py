"""The group apps, v1: workloads that keep pods running."""

from pydantic import Field

from kubernaut.resources.builtin.pods import LabelSelector, PodTemplateSpec, RollingUpdate
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.types import ScaleSubresource

_SCALE = ScaleSubresource(label_selector_path=".status.selector")


class UpdateStrategy(PartialModel):
    """How pods are replaced by new ones."""

    type: str | None = None
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(PartialModel):
    """The pods a Deployment keeps; `replicas` None means that the server or an autoscaler decides."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    strategy: UpdateStrategy | None = None
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None
    paused: bool | None = None
    progress_deadline_seconds: int | None = None


class WorkloadStatus(PartialModel):
    """How many pods a workload has."""

    observed_generation: int | None = None
    replicas: int | None = None
    updated_replicas: int | None = None
    ready_replicas: int | None = None
    available_replicas: int | None = None
    unavailable_replicas: int | None = None
    collision_count: int | None = None
    conditions: list[Condition] = Field(default_factory=list)


class DeploymentStatus(WorkloadStatus):
    """How far a Deployment is."""


class Deployment(
    Resource,
    group="apps",
    version="v1",
    short_names=("deploy",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=_SCALE,
):
    """Keeps replicas of a pod, and replaces them step by step when it changes."""

    spec: DeploymentSpec = Field(default_factory=DeploymentSpec)
    status: DeploymentStatus = Field(default_factory=DeploymentStatus)


class ReplicaSetSpec(PartialModel):
    """The pods a ReplicaSet keeps."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    min_ready_seconds: int | None = None


class ReplicaSetStatus(WorkloadStatus):
    """How many pods a ReplicaSet has."""

    fully_labeled_replicas: int | None = None


class ReplicaSet(
    Resource,
    group="apps",
    version="v1",
    short_names=("rs",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=_SCALE,
):
    """Keeps a number of identical pods."""

    spec: ReplicaSetSpec = Field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = Field(default_factory=ReplicaSetStatus)


class StatefulSetSpec(PartialModel):
    """The pods a StatefulSet keeps, each with a name of its own."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    service_name: str | None = None
    pod_management_policy: str | None = None
    update_strategy: UpdateStrategy | None = None
    revision_history_limit: int | None = None


class StatefulSetStatus(WorkloadStatus):
    """How far a StatefulSet is."""

    current_replicas: int | None = None
    current_revision: str | None = None
    update_revision: str | None = None


class StatefulSet(
    Resource,
    group="apps",
    version="v1",
    short_names=("sts",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=_SCALE,
):
    """Keeps pods that have an identity."""

    spec: StatefulSetSpec = Field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = Field(default_factory=StatefulSetStatus)


class DaemonSetSpec(PartialModel):
    """The pod that runs on every node."""

    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    update_strategy: UpdateStrategy | None = None
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None


class DaemonSetStatus(PartialModel):
    """On how many nodes a DaemonSet runs."""

    observed_generation: int | None = None
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int | None = None
    number_available: int | None = None
    number_misscheduled: int = 0
    number_ready: int = 0
    conditions: list[Condition] = Field(default_factory=list)


class DaemonSet(
    Resource, group="apps", version="v1", short_names=("ds",), categories=("all",), status_subresource=True
):
    """Keeps one pod on every node."""

    spec: DaemonSetSpec = Field(default_factory=DaemonSetSpec)
    status: DaemonSetStatus = Field(default_factory=DaemonSetStatus)
