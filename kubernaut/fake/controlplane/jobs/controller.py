"""The Job controller, and the one that lets go of pods whose Job is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.client import Conflict, MergePatch, NotFound, ObjectHead
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.claiming import claim
from kubernaut.fake.controlplane.indexes import of_owner
from kubernaut.fake.controlplane.jobs.making import make_or_delete
from kubernaut.fake.controlplane.jobs.tally import TRACKING, count, is_terminating, outcome, uncounted
from kubernaut.fake.controlplane.jobs.verdicts import Verdict, deadline_of, is_over, judge, standing
from kubernaut.fake.controlplane.pods import delete_pod, is_active, is_ready
from kubernaut.reconcile import Cache, Change, Context, Controller, NotCached, Reconciler, Request, Result, Watch
from kubernaut.resources.builtin.batch_v1 import Job, JobCondition
from kubernaut.resources.builtin.core_v1 import Pod

_CONTROLLER = "kubernetes.io/job-controller"


class Jobs(Reconciler[Job]):
    """First it announces how the Job will end, then, when no pod runs any more, that it has ended."""

    async def reconcile(self, job: Job, ctx: Context) -> Result | None:
        """Move the Job one step on."""
        if job.spec.managed_by not in (None, "", _CONTROLLER) or job.metadata.deletion_timestamp is not None:
            return None
        pods = await claim(Pod, job, job.spec.selector, ctx)
        if is_over(job):
            await _release(pods, ctx)
            return await self._expire(job, ctx)
        now = ctx.clock.now()
        self._begin(job, now, ctx)
        await _release(count(job, pods), ctx)
        verdict = standing(job) or judge(job, pods, now)
        self._fill_in(job, pods)
        if verdict is not None:
            await self._finish(job, verdict, pods, now, ctx)
            return None
        wait = await self._keep_going(job, pods, now, ctx)
        return Result(requeue_after=wait) if wait is not None else None

    def _begin(self, job: Job, now: datetime, ctx: Context) -> None:
        known = conditions.find(job.status.conditions, "Suspended")
        suspended = known is not None and known.status == "True"
        if job.spec.suspend:
            job.status.start_time = None
        elif job.status.start_time is None:
            job.status.start_time = now
        if bool(job.spec.suspend) == suspended and (known is None or suspended):
            return
        if job.spec.suspend:
            _put(job, "Suspended", True, now, reason="JobSuspended", message="Job suspended")
            ctx.events.event(job, "Suspended", "Job suspended", action="Suspend")
        elif suspended:
            _put(job, "Suspended", False, now, reason="JobResumed", message="Job resumed")
            ctx.events.event(job, "Resumed", "Job resumed", action="Resume")

    def _fill_in(self, job: Job, pods: Sequence[Pod]) -> None:
        active = [pod for pod in pods if is_active(pod)]
        job.status.active = len(active) or None
        job.status.ready = sum(map(is_ready, active))
        job.status.terminating = sum(map(is_terminating, pods))

    async def _finish(self, job: Job, verdict: Verdict, pods: Sequence[Pod], now: datetime, ctx: Context) -> None:
        early, final = ("FailureTarget", "Failed") if verdict.failed else ("SuccessCriteriaMet", "Complete")
        announced = conditions.is_true(job.status.conditions, early)
        _put(job, early, True, now, reason=verdict.reason, message=verdict.message)
        if not announced:
            return
        running = [pod for pod in pods if outcome(job, pod) is None]
        for pod in running:
            if pod.metadata.deletion_timestamp is None:
                await delete_pod(pod, ctx, job)
        if running or any(map(is_terminating, pods)) or any(uncounted(job)):
            return
        _put(job, final, True, now, reason=verdict.reason, message=verdict.message)
        if verdict.failed:
            ctx.events.event(job, verdict.reason, verdict.message, type="Warning", action="Finish")
        else:
            job.status.completion_time = now
            ctx.events.event(job, "Completed", "Job completed", action="Finish")

    async def _keep_going(self, job: Job, pods: Sequence[Pod], now: datetime, ctx: Context) -> timedelta | None:
        if job.spec.suspend:
            for pod in pods:
                if is_active(pod):
                    await delete_pod(pod, ctx, job)
            return None
        deadline = deadline_of(job)
        waits = [await make_or_delete(job, pods, now, ctx), deadline - now if deadline is not None else None]
        due = [wait for wait in waits if wait is not None]
        return min(due) if due else None

    async def _expire(self, job: Job, ctx: Context) -> Result | None:
        """Delete the Job ttlSecondsAfterFinished."""
        ttl = job.spec.ttl_seconds_after_finished
        ended = [c.last_transition_time for c in job.status.conditions if c.type in ("Complete", "Failed")]
        if ttl is None or not ended or ended[0] is None:
            return None
        wait = ended[0] + timedelta(seconds=ttl) - ctx.clock.now()
        if wait > timedelta():
            return Result(requeue_after=wait)
        try:
            await ctx.client.delete(Job, job.name, namespace=job.namespace, uid=job.uid, propagation="Foreground")
        except (NotFound, Conflict):
            return None
        return None


class OrphanedJobPods(Reconciler[Pod]):
    """Releases pods whose Job is gone or going: nobody will count them any more."""

    async def reconcile(self, pod: Pod, ctx: Context) -> Result | None:
        """Take the finalizer off a pod that no Job waits for."""
        reference = pod.metadata.controller_reference()
        if TRACKING not in pod.metadata.finalizers:
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
    condition = conditions.put(JobCondition, job.status.conditions, kind, status, now, reason=reason, message=message)
    condition.last_probe_time = condition.last_transition_time


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


def _is_tracked(change: Change) -> bool:
    return TRACKING in change.new.head.finalizers and change.new.head.deletion_timestamp is not None


def _is_going(change: Change) -> bool:
    return change.new.head.deletion_timestamp is not None or change.type == "DELETED"


def _pods_of_job(head: ObjectHead, cache: Cache) -> list[Request]:
    try:
        pods = cache.heads(Pod, namespace=head.namespace, index=of_owner(head.uid))
    except NotCached:
        return []
    return [Request(pod.namespace, pod.name) for pod in pods]


def jobs() -> list[Controller]:
    """The controllers of Jobs."""
    orphans = Controller(
        Pod,
        OrphanedJobPods(),
        name="job-orphans",
        predicates=[_is_tracked],
        watches=[Watch(Job, to=_pods_of_job, predicates=[_is_going])],
    )
    return [Controller(Job, Jobs(), name="job-controller", owns=[Pod]), orphans]
