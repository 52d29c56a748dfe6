"""The Job controller: runs pods until enough of them have succeeded, or too many have failed, or time is up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.client import Conflict, MergePatch, NotFound, ObjectHead
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.job_status import (
    TRACKING,
    Verdict,
    count,
    deadline_of,
    is_over,
    judge,
    outcome,
    retry_at,
    total,
    uncounted,
    wanted_completions,
)
from kubernaut.fake.controlplane.pods import is_active, is_ready, owned_pods
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.reconcile import Cache, Context, Controller, NotCached, Reconciler, Request, Result, Watch
from kubernaut.resources.builtin.batch_v1 import Job, JobCondition
from kubernaut.resources.builtin.core_v1 import Pod


class Jobs(Reconciler[Job]):
    """Counts each pod once: a finalizer keeps it until the status has it, whoever deletes it meanwhile."""

    async def reconcile(self, job: Job, ctx: Context) -> Result | None:
        """Move the Job one step on."""
        pods = owned_pods(job, ctx)
        if job.metadata.deletion_timestamp is not None:
            return None
        if is_over(job):
            await _release(pods, ctx)
            return await self._expire(job, ctx)
        now = ctx.clock.now()
        recorded = {uid for uids in uncounted(job) for uid in uids}
        self._begin(job, now)
        count(job, pods)
        await _release([pod for pod in pods if pod.uid in recorded], ctx)
        verdict = _standing(job) or judge(job, pods, now)
        running = [pod for pod in pods if outcome(job, pod) is None]
        self._fill_in(job, pods)
        if verdict is not None:
            await self._finish(job, verdict, running, now, ctx)
            return None
        wait = await self._keep_going(job, pods, running, now, ctx)
        return Result(requeue_after=wait) if wait is not None else None

    def _begin(self, job: Job, now: datetime) -> None:
        if job.spec.suspend:
            job.status.start_time = None
        elif job.status.start_time is None:
            job.status.start_time = now
        known = conditions.find(job.status.conditions, "Suspended")
        if job.spec.suspend or known is not None:
            reason, words = ("JobSuspended", "suspended") if job.spec.suspend else ("JobResumed", "resumed")
            _put(job, "Suspended", bool(job.spec.suspend), now, reason=reason, message=f"Job {words}")

    def _fill_in(self, job: Job, pods: Sequence[Pod]) -> None:
        active = [pod for pod in pods if is_active(pod)]
        leaving = [
            pod for pod in pods if pod.metadata.deletion_timestamp and pod.status.phase in ("Pending", "Running")
        ]
        job.status.active = len(active) or None
        job.status.ready = sum(map(is_ready, active))
        job.status.terminating = len(leaving)

    async def _finish(self, job: Job, verdict: Verdict, running: Sequence[Pod], now: datetime, ctx: Context) -> None:
        """First the condition that says how it will end, then, when no pod runs any more, that it has ended."""
        early, final = ("FailureTarget", "Failed") if verdict.failed else ("SuccessCriteriaMet", "Complete")
        announced = conditions.is_true(job.status.conditions, early)
        _put(job, early, True, now, reason=verdict.reason, message=verdict.message)
        if not announced:
            return
        await _delete(running, ctx)
        if running or any(uncounted(job)):
            return
        _put(job, final, True, now, reason=verdict.reason, message=verdict.message)
        if verdict.failed:
            ctx.events.event(job, verdict.reason, verdict.message, type="Warning", action="Finish")
        else:
            job.status.completion_time = now
            ctx.events.event(job, "Completed", "Job completed", action="Finish")

    async def _keep_going(
        self, job: Job, pods: Sequence[Pod], running: Sequence[Pod], now: datetime, ctx: Context
    ) -> timedelta | None:
        deadline = deadline_of(job)
        waits = [deadline - now] if deadline is not None else []
        if job.spec.suspend:
            await _delete(running, ctx)
            return None
        parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
        wanted = min(parallelism, max(wanted_completions(job) - total(job, "succeeded"), 0))
        missing = wanted - len(running)
        retry = retry_at(job, pods)
        if missing > 0 and retry is not None and now < retry:
            waits.append(retry - now)
        elif missing > 0:
            for _ in range(missing):
                pod = await ctx.client.create(_pod_of(job))
                ctx.events.event(job, "SuccessfulCreate", f"Created pod: {pod.name}", action="Create")
        elif missing < 0:
            await _delete(running[missing:], ctx)
        return min(waits) if waits else None

    async def _expire(self, job: Job, ctx: Context) -> Result | None:
        ttl = job.spec.ttl_seconds_after_finished
        ended = [c.last_transition_time for c in job.status.conditions if c.type in ("Complete", "Failed")]
        if ttl is None or not ended or ended[0] is None:
            return None
        wait = ended[0] + timedelta(seconds=ttl) - ctx.clock.now()
        if wait > timedelta():
            return Result(requeue_after=wait)
        try:
            await ctx.client.delete(Job, job.name, namespace=job.namespace, uid=job.uid, propagation="Background")
        except (NotFound, Conflict):
            return None
        return None


class OrphanedJobPods(Reconciler[Pod]):
    """Releases pods whose Job is gone or going: nobody will count them any more."""

    async def reconcile(self, pod: Pod, ctx: Context) -> Result | None:
        """Take the finalizer off a pod that no Job waits for."""
        reference = pod.metadata.controller_reference()
        if TRACKING not in pod.metadata.finalizers or pod.metadata.deletion_timestamp is None:
            return None
        try:
            job = ctx.cache.get(Job, reference.name, pod.namespace) if reference is not None else None
        except NotFound:
            job = None
        counted = job is not None and reference is not None and job.uid == reference.uid
        if job is None or not counted or job.metadata.deletion_timestamp is not None:
            await _release([pod], ctx)
        return None


def _put(job: Job, kind: str, status: bool, now: datetime, *, reason: str, message: str) -> None:
    conditions.put(JobCondition, job.status.conditions, kind, status, now, reason=reason, message=message)


def _standing(job: Job) -> Verdict | None:
    """The verdict the status has announced already: it is not reconsidered."""
    for kind, failed in (("FailureTarget", True), ("SuccessCriteriaMet", False)):
        found = conditions.find(job.status.conditions, kind)
        if found is not None and found.status == "True":
            return Verdict(failed, found.reason, found.message)
    return None


def _pod_of(job: Job) -> Pod:
    pod = pod_from(job.spec.template, job)
    pod.metadata.labels = {
        **pod.metadata.labels,
        "batch.kubernetes.io/controller-uid": job.uid or "",
        "batch.kubernetes.io/job-name": job.name,
        "controller-uid": job.uid or "",
        "job-name": job.name,
    }
    pod.metadata.finalizers = [*pod.metadata.finalizers, TRACKING]
    return pod


async def _release(pods: Sequence[Pod], ctx: Context) -> None:
    for pod in pods:
        if TRACKING not in pod.metadata.finalizers:
            continue
        rest = [name for name in pod.metadata.finalizers if name != TRACKING]
        metadata = {
            "uid": pod.uid,
            "resourceVersion": pod.metadata.resource_version,
            "finalizers": rest or None,
        }
        try:
            await ctx.client.patch(Pod, pod.name, MergePatch({"metadata": metadata}), namespace=pod.namespace)
        except NotFound:
            continue


async def _delete(pods: Sequence[Pod], ctx: Context) -> None:
    for pod in pods:
        if pod.metadata.deletion_timestamp is not None:
            continue
        try:
            await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid)
        except (NotFound, Conflict):
            continue


def _pods_of_job(head: ObjectHead, cache: Cache) -> list[Request]:
    try:
        pods = cache.list(Pod, namespace=head.namespace, labels={"controller-uid": head.uid})
    except NotCached:
        return []
    return [Request(pod.namespace, pod.name) for pod in pods]


def jobs() -> list[Controller]:
    """The controllers of Jobs."""
    orphans = Controller(Pod, OrphanedJobPods(), name="job-orphans", watches=[Watch(Job, to=_pods_of_job)])
    return [Controller(Job, Jobs(), owns=[Pod]), orphans]
