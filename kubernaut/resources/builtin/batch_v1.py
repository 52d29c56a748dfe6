# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of batch/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.core_v1.pods import PodTemplateSpec
from kubernaut.resources.builtin.core_v1.shared import ObjectReference
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.meta import ObjectMeta
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "CronJob",
    "CronJobSpec",
    "CronJobStatus",
    "Job",
    "JobCondition",
    "JobSpec",
    "JobStatus",
    "JobTemplateSpec",
    "PodFailurePolicy",
    "PodFailurePolicyOnExitCodesRequirement",
    "PodFailurePolicyOnPodConditionsPattern",
    "PodFailurePolicyRule",
    "SuccessPolicy",
    "SuccessPolicyRule",
    "UncountedTerminatedPods",
]


class PodFailurePolicyOnExitCodesRequirement(PartialModel):
    operator: str
    container_name: str | None = None
    values: ListOf[int] = Field(default_factory=list)


class PodFailurePolicyOnPodConditionsPattern(PartialModel):
    type: str
    status: str | None = None


class PodFailurePolicyRule(PartialModel):
    action: str
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: ListOf[PodFailurePolicyOnPodConditionsPattern] = Field(default_factory=list)


class PodFailurePolicy(PartialModel):
    rules: ListOf[PodFailurePolicyRule] = Field(default_factory=list)


class SuccessPolicyRule(PartialModel):
    succeeded_count: int | None = None
    succeeded_indexes: str | None = None


class SuccessPolicy(PartialModel):
    rules: ListOf[SuccessPolicyRule] = Field(default_factory=list)


class JobSpec(PartialModel):
    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None
    backoff_limit_per_index: int | None = None
    completion_mode: str | None = None
    completions: int | None = None
    managed_by: str | None = None
    manual_selector: bool | None = None
    max_failed_indexes: int | None = None
    parallelism: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    pod_replacement_policy: str | None = None
    selector: LabelSelector | None = None
    success_policy: SuccessPolicy | None = None
    suspend: bool | None = None
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    ttl_seconds_after_finished: int | None = None


class JobTemplateSpec(PartialModel):
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: JobSpec = Field(default_factory=JobSpec)


class CronJobSpec(PartialModel):
    schedule: str
    concurrency_policy: str | None = None
    failed_jobs_history_limit: int | None = None
    job_template: JobTemplateSpec = Field(default_factory=JobTemplateSpec)
    starting_deadline_seconds: int | None = None
    successful_jobs_history_limit: int | None = None
    suspend: bool | None = None
    time_zone: str | None = None


class CronJobStatus(PartialModel):
    active: ListOf[ObjectReference] = Field(default_factory=list)
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class CronJob(Resource, group="batch", version="v1", short_names=("cj",), categories=("all",), status_subresource=True):
    spec: CronJobSpec
    status: CronJobStatus = Field(default_factory=CronJobStatus)


class JobCondition(Condition):
    last_probe_time: Time | None = None


class UncountedTerminatedPods(PartialModel):
    failed: ListOf[str] = Field(default_factory=list)
    succeeded: ListOf[str] = Field(default_factory=list)


class JobStatus(PartialModel):
    active: int | None = None
    completed_indexes: str | None = None
    completion_time: Time | None = None
    conditions: ListOf[JobCondition] = Field(default_factory=list)
    failed: int | None = None
    failed_indexes: str | None = None
    ready: int | None = None
    start_time: Time | None = None
    succeeded: int | None = None
    terminating: int | None = None
    uncounted_terminated_pods: UncountedTerminatedPods | None = None


class Job(Resource, group="batch", version="v1", categories=("all",), status_subresource=True):
    spec: JobSpec = Field(default_factory=JobSpec)
    status: JobStatus = Field(default_factory=JobStatus)
