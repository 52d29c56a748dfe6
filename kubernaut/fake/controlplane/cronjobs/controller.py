"""The CronJob controller (k8s.io/kubernetes pkg/controller/cronjob, cronjob_controllerv2.go)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from kubernaut.client import AlreadyExists, ApiError, Conflict, NotFound
from kubernaut.fake.controlplane.claiming import controlled
from kubernaut.fake.controlplane.cronjobs.schedule import Schedule, parse_schedule
from kubernaut.fake.controlplane.indexes import OWNER_INDEXES
from kubernaut.reconcile import Context, Controller, Reconciler, Result, Watch
from kubernaut.resources import ObjectMeta, format_time
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from kubernaut.resources.builtin.core_v1 import ObjectReference

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_TOO_MANY = 100
_MARGIN = timedelta(milliseconds=100)
"""Timers may be early; the real controller adds as much."""


class CronJobs(Reconciler[CronJob]):
    """The name of a Job is made of its scheduled time, so that it is made once."""

    async def reconcile(self, cron_job: CronJob, ctx: Context) -> Result | None:
        """Make the Job that is due, tidy up behind finished ones, and come back when the next is due."""
        jobs = controlled(Job, cron_job, ctx)
        await _tidy_history(cron_job, jobs, ctx)
        _note_active(cron_job, jobs, ctx)
        if cron_job.metadata.deletion_timestamp is not None or cron_job.spec.suspend:
            return None
        try:
            schedule, zone = parse_schedule(cron_job.spec.schedule), _zone(cron_job)
        except ValueError as error:
            words = f"unparseable schedule: {cron_job.spec.schedule} : {error}"
            ctx.events.event(cron_job, "UnparseableSchedule", words, type="Warning", action="Schedule")
            return None
        except LookupError:
            words = f"invalid timeZone: unknown time zone {cron_job.spec.time_zone or ''}"
            ctx.events.event(cron_job, "UnknownTimeZone", words, type="Warning", action="Schedule")
            return None
        now = ctx.clock.now()
        due = _last_due(cron_job, schedule, zone, now, ctx)
        if due is not None and await _may_start(cron_job, jobs, due, now, ctx):
            await _start(cron_job, due, zone, ctx)
        upcoming = schedule.after(now, zone)
        return Result(requeue_after=upcoming - now + _MARGIN) if upcoming is not None else None


def _zone(cron_job: CronJob) -> tzinfo:
    name = cron_job.spec.time_zone
    return ZoneInfo(name) if name and name != "UTC" else UTC


def _last_due(cron_job: CronJob, schedule: Schedule, zone: tzinfo, now: datetime, ctx: Context) -> datetime | None:
    """The last time by now for which no Job was made."""
    earliest = cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp or now
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is not None:
        earliest = max(earliest, now - timedelta(seconds=deadline))
    due, missed = None, 0
    upcoming = schedule.after(earliest, zone)
    while upcoming is not None and upcoming <= now:
        due, missed = upcoming, missed + 1
        upcoming = schedule.after(upcoming, zone)
        if missed > 10 * _TOO_MANY:
            # So many that one more matters to nobody: go on from a little before now.
            upcoming = schedule.after(max(upcoming or now, now - timedelta(days=2)), zone)
    if missed > _TOO_MANY:
        words = (
            f"too many missed start times: {missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        )
        ctx.events.event(cron_job, "TooManyMissedTimes", words, type="Warning", action="Schedule")
    return due


async def _may_start(cron_job: CronJob, jobs: Sequence[Job], due: datetime, now: datetime, ctx: Context) -> bool:
    """Whether a Job may be started for that time; with concurrencyPolicy Replace, after the running ones went."""
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is not None and due + timedelta(seconds=deadline) < now:
        words = f"Missed scheduled time to start a job: {due:%a, %d %b %Y %H:%M:%S +0000}"
        ctx.events.event(cron_job, "MissSchedule", words, type="Warning", action="Schedule")
        return False
    if any(reference.name == _name(cron_job, due) for reference in cron_job.status.active):
        return False
    if cron_job.spec.concurrency_policy == "Forbid" and cron_job.status.active:
        words = "Not starting job because prior execution is running and concurrency policy is Forbid"
        ctx.events.event(cron_job, "JobAlreadyActive", words, action="Schedule")
        return False
    if cron_job.spec.concurrency_policy == "Replace":
        active = {reference.uid for reference in cron_job.status.active}
        for job in jobs:
            if job.uid in active:
                await _delete(cron_job, job, ctx)
        cron_job.status.active = []
    return True


async def _start(cron_job: CronJob, due: datetime, zone: tzinfo, ctx: Context) -> None:
    template = cron_job.spec.job_template
    annotations = {**template.metadata.annotations, SCHEDULED_AT: due.astimezone(zone).isoformat()}
    job = Job(
        metadata=ObjectMeta(
            name=_name(cron_job, due),
            namespace=cron_job.namespace,
            labels=dict(template.metadata.labels),
            annotations={key: value.replace("+00:00", "Z") for key, value in annotations.items()},
            owner_references=[cron_job.owner_reference()],
        ),
        spec=template.spec.model_copy(deep=True),
    )
    try:
        made = await ctx.client.create(job)
    except AlreadyExists:
        made = await ctx.client.get(Job, job.name, namespace=job.namespace)
        reference = made.metadata.controller_reference()
        if reference is None or reference.uid != cron_job.uid:
            words = f'Error creating job: jobs.batch "{job.name}" already exists'
            ctx.events.event(cron_job, "FailedCreate", words, type="Warning", action="Create")
            return
    except ApiError as error:
        if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            return
        words = f"Error creating job: {error.message}"
        ctx.events.event(cron_job, "FailedCreate", words, type="Warning", action="Create")
        raise
    ctx.events.event(cron_job, "SuccessfulCreate", f"Created job {made.name}", action="Create")
    cron_job.status.active.append(
        ObjectReference(
            api_version="batch/v1",
            kind="Job",
            name=made.name,
            namespace=made.namespace,
            uid=made.uid,
            resource_version=made.metadata.resource_version,
        )
    )
    cron_job.status.last_schedule_time = due


def _name(cron_job: CronJob, due: datetime) -> str:
    return f"{cron_job.name}-{int(due.timestamp()) // 60}"


def _outcome(job: Job) -> str | None:
    return next(
        (c.type for c in job.status.conditions if c.type in ("Complete", "Failed") and c.status == "True"), None
    )


def _note_active(cron_job: CronJob, jobs: Sequence[Job], ctx: Context) -> None:
    """Take Jobs that are over, or gone, off the list of the active ones."""
    by_uid = {job.uid: job for job in jobs}
    active = []
    for reference in cron_job.status.active:
        job = by_uid.get(reference.uid)
        if job is None:
            words = f"Active job went missing: {reference.name}"
            ctx.events.event(cron_job, "MissingJob", words, action="Count")
        elif (outcome := _outcome(job)) is not None:
            words = f"Saw completed job: {job.name}, condition: {outcome}"
            ctx.events.event(cron_job, "SawCompletedJob", words, action="Count")
        else:
            active.append(reference)
    cron_job.status.active = active
    for job in jobs:
        ended = job.status.completion_time if _outcome(job) == "Complete" else None
        last = cron_job.status.last_successful_time
        if ended is not None and (last is None or ended > last):
            cron_job.status.last_successful_time = ended


async def _tidy_history(cron_job: CronJob, jobs: Sequence[Job], ctx: Context) -> None:
    """Delete the oldest finished Jobs beyond the history limits."""
    for outcome, limit, default in (
        ("Complete", cron_job.spec.successful_jobs_history_limit, 3),
        ("Failed", cron_job.spec.failed_jobs_history_limit, 1),
    ):
        over = [job for job in jobs if _outcome(job) == outcome and job.metadata.deletion_timestamp is None]
        over.sort(key=lambda job: (format_time(job.status.start_time) if job.status.start_time else "", job.name))
        surplus = len(over) - (default if limit is None else limit)
        for job in over[: max(surplus, 0)]:
            await _delete(cron_job, job, ctx)


async def _delete(cron_job: CronJob, job: Job, ctx: Context) -> None:
    try:
        await ctx.client.delete(Job, job.name, namespace=job.namespace, uid=job.uid, propagation="Background")
    except (NotFound, Conflict):
        return
    ctx.events.event(cron_job, "SuccessfulDelete", f"Deleted job {job.name}", action="Delete")


def cron_jobs() -> Controller:
    """The controller of CronJobs."""
    return Controller(
        CronJob,
        CronJobs(),
        name="cronjob-controller",
        owns=[Job],
        watches=[Watch(Job, to=lambda head: (), indexes=OWNER_INDEXES)],
    )
