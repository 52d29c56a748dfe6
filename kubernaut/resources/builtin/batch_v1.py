"""The group batch, v1: pods that run to an end."""

from pydantic import Field

from kubernaut.resources.builtin.pods import LabelSelector, PodTemplateSpec
from kubernaut.resources.conditions import Condition
from kubernaut.resources.meta import ObjectMeta
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import JsonObject, Time


class JobSpec(PartialModel):
    """What a Job runs, how often it tries, and how long it may take (seconds)."""

    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    parallelism: int | None = None
    completions: int | None = None
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    selector: LabelSelector | None = None
    manual_selector: bool | None = None
    suspend: bool | None = None
    completion_mode: str | None = None
    pod_failure_policy: JsonObject | None = None
    pod_replacement_policy: str | None = None


class JobStatus(PartialModel):
    """How far a Job is; finished when condition Complete or Failed is True."""

    active: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    ready: int | None = None
    terminating: int | None = None
    start_time: Time | None = None
    completion_time: Time | None = None
    conditions: list[Condition] = Field(default_factory=list)
    uncounted_terminated_pods: JsonObject | None = None


class Job(Resource, group="batch", version="v1", categories=("all",), status_subresource=True):
    """Runs pods until enough of them have succeeded."""

    spec: JobSpec = Field(default_factory=JobSpec)
    status: JobStatus = Field(default_factory=JobStatus)


class JobTemplateSpec(PartialModel):
    """The Job that a CronJob makes."""

    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: JobSpec = Field(default_factory=JobSpec)


class CronJobSpec(PartialModel):
    """When a CronJob makes which Job."""

    schedule: str
    job_template: JobTemplateSpec = Field(default_factory=JobTemplateSpec)
    time_zone: str | None = None
    concurrency_policy: str | None = None
    suspend: bool | None = None
    starting_deadline_seconds: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None


class CronJobStatus(PartialModel):
    """What a CronJob did last."""

    active: list[JsonObject] = Field(default_factory=list)
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class CronJob(Resource, group="batch", version="v1", short_names=("cj",), categories=("all",), status_subresource=True):
    """Makes Jobs at given times."""

    spec: CronJobSpec
    status: CronJobStatus = Field(default_factory=CronJobStatus)
