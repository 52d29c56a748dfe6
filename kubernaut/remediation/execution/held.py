"""The finalizer on an action's Job: whoever deletes the Job, it stays until its end is known to the execution."""

from __future__ import annotations

from kubernaut.client import Client, Conflict, MergePatch, NotFound
from kubernaut.reconcile import RequeueError
from kubernaut.remediation.execution.types import GROUP
from kubernaut.resources.builtin.batch_v1 import Job

HELD = f"{GROUP}/result"
"""On a Job from its creation on. Without it a Job that was deleted before its uid got into the status would be taken
for one that was never made, and be made a second time."""
_TRIES = 4


def is_held(job: Job) -> bool:
    """Whether the Job still waits for its execution."""
    return HELD in job.metadata.finalizers


def was_deleted(job: Job) -> bool:
    """Whether somebody else deleted a Job that its execution has not let go of."""
    return is_held(job) and job.metadata.deletion_timestamp is not None


def finalizers_without(job: Job) -> list[str] | None:
    """The Job's other finalizers, as a merge patch writes them."""
    return [each for each in job.metadata.finalizers if each != HELD] or None


async def let_go(client: Client, job: Job) -> None:
    """Take the finalizer off; a Job that is gone, or that was let go of before, is no error.

    Raises RequeueError where others write the Job all the time, ApiError.
    """
    live = job
    for _ in range(_TRIES):
        if live.uid != job.uid or not is_held(live):
            return
        version = live.metadata.resource_version
        metadata = {"uid": live.uid, "resourceVersion": version, "finalizers": finalizers_without(live)}
        try:
            await client.patch(Job, live.name, MergePatch({"metadata": metadata}), namespace=live.namespace)
            return
        except NotFound:
            return
        except Conflict:
            pass
        try:
            live = await client.get(Job, job.name, namespace=job.namespace)
        except NotFound:
            return
    raise RequeueError(f"Job {job.name} could not be let go of: it is written by others all the time")
