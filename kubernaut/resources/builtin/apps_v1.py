# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of apps/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.core_v1.pods import PodTemplateSpec
from kubernaut.resources.builtin.core_v1.volumes import PersistentVolumeClaim
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString, JsonObject, Time
from kubernaut.resources.types import ScaleSubresource

__all__ = [
    "ControllerRevision",
    "DaemonSet",
    "DaemonSetCondition",
    "DaemonSetSpec",
    "DaemonSetStatus",
    "DaemonSetUpdateStrategy",
    "Deployment",
    "DeploymentCondition",
    "DeploymentSpec",
    "DeploymentStatus",
    "DeploymentStrategy",
    "ReplicaSet",
    "ReplicaSetCondition",
    "ReplicaSetSpec",
    "ReplicaSetStatus",
    "RollingUpdateDaemonSet",
    "RollingUpdateDeployment",
    "RollingUpdateStatefulSetStrategy",
    "StatefulSet",
    "StatefulSetCondition",
    "StatefulSetOrdinals",
    "StatefulSetPersistentVolumeClaimRetentionPolicy",
    "StatefulSetSpec",
    "StatefulSetStatus",
    "StatefulSetUpdateStrategy",
]


class ControllerRevision(Resource, group="apps", version="v1"):
    revision: int
    data: JsonObject | None = None


class RollingUpdateDaemonSet(PartialModel):
    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class DaemonSetUpdateStrategy(PartialModel):
    rolling_update: RollingUpdateDaemonSet | None = None
    type: str | None = None


class DaemonSetSpec(PartialModel):
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    update_strategy: DaemonSetUpdateStrategy | None = None


class DaemonSetCondition(Condition):
    pass


class DaemonSetStatus(PartialModel):
    collision_count: int | None = None
    conditions: ListOf[DaemonSetCondition] = Field(default_factory=list)
    current_number_scheduled: int = 0
    desired_number_scheduled: int = 0
    number_available: int | None = None
    number_misscheduled: int = 0
    number_ready: int = 0
    number_unavailable: int | None = None
    observed_generation: int | None = None
    updated_number_scheduled: int | None = None


class DaemonSet(
    Resource,
    group="apps",
    version="v1",
    short_names=("ds",),
    categories=("all",),
    status_subresource=True,
):
    spec: DaemonSetSpec = Field(default_factory=DaemonSetSpec)
    status: DaemonSetStatus = Field(default_factory=DaemonSetStatus)


class RollingUpdateDeployment(PartialModel):
    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class DeploymentStrategy(PartialModel):
    rolling_update: RollingUpdateDeployment | None = None
    type: str | None = None


class DeploymentSpec(PartialModel):
    min_ready_seconds: int | None = None
    paused: bool | None = None
    progress_deadline_seconds: int | None = None
    replicas: int | None = None
    revision_history_limit: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    strategy: DeploymentStrategy | None = None
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)


class DeploymentCondition(Condition):
    last_update_time: Time | None = None


class DeploymentStatus(PartialModel):
    available_replicas: int | None = None
    collision_count: int | None = None
    conditions: ListOf[DeploymentCondition] = Field(default_factory=list)
    observed_generation: int | None = None
    ready_replicas: int | None = None
    replicas: int | None = None
    terminating_replicas: int | None = None
    unavailable_replicas: int | None = None
    updated_replicas: int | None = None


class Deployment(
    Resource,
    group="apps",
    version="v1",
    short_names=("deploy",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=ScaleSubresource(label_selector_path=".status.selector"),
):
    spec: DeploymentSpec = Field(default_factory=DeploymentSpec)
    status: DeploymentStatus = Field(default_factory=DeploymentStatus)


class ReplicaSetSpec(PartialModel):
    min_ready_seconds: int | None = None
    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)


class ReplicaSetCondition(Condition):
    pass


class ReplicaSetStatus(PartialModel):
    available_replicas: int | None = None
    conditions: ListOf[ReplicaSetCondition] = Field(default_factory=list)
    fully_labeled_replicas: int | None = None
    observed_generation: int | None = None
    ready_replicas: int | None = None
    replicas: int = 0
    terminating_replicas: int | None = None


class ReplicaSet(
    Resource,
    group="apps",
    version="v1",
    short_names=("rs",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=ScaleSubresource(label_selector_path=".status.selector"),
):
    spec: ReplicaSetSpec = Field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = Field(default_factory=ReplicaSetStatus)


class RollingUpdateStatefulSetStrategy(PartialModel):
    max_unavailable: IntOrString | None = None
    partition: int | None = None


class StatefulSetOrdinals(PartialModel):
    start: int | None = None


class StatefulSetPersistentVolumeClaimRetentionPolicy(PartialModel):
    when_deleted: str | None = None
    when_scaled: str | None = None


class StatefulSetUpdateStrategy(PartialModel):
    rolling_update: RollingUpdateStatefulSetStrategy | None = None
    type: str | None = None


class StatefulSetSpec(PartialModel):
    min_ready_seconds: int | None = None
    ordinals: StatefulSetOrdinals | None = None
    persistent_volume_claim_retention_policy: StatefulSetPersistentVolumeClaimRetentionPolicy | None = None
    pod_management_policy: str | None = None
    replicas: int | None = None
    revision_history_limit: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    service_name: str | None = None
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    update_strategy: StatefulSetUpdateStrategy | None = None
    volume_claim_templates: ListOf[PersistentVolumeClaim] = Field(default_factory=list)


class StatefulSetCondition(Condition):
    pass


class StatefulSetStatus(PartialModel):
    available_replicas: int | None = None
    collision_count: int | None = None
    conditions: ListOf[StatefulSetCondition] = Field(default_factory=list)
    current_replicas: int | None = None
    current_revision: str | None = None
    observed_generation: int | None = None
    ready_replicas: int | None = None
    replicas: int = 0
    update_revision: str | None = None
    updated_replicas: int | None = None


class StatefulSet(
    Resource,
    group="apps",
    version="v1",
    short_names=("sts",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=ScaleSubresource(label_selector_path=".status.selector"),
):
    spec: StatefulSetSpec = Field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = Field(default_factory=StatefulSetStatus)
