"""The terminal phases: lets go of the Jobs once their results are stored, and of the execution in its time."""

from __future__ import annotations

from kubernaut.remediation.execution.jobs import own_jobs, release_job
from kubernaut.remediation.execution.late import came_late
from kubernaut.remediation.execution.lifetime import end_of_life
from kubernaut.remediation.execution.lock import release_targets
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.machine.verdicts import SOON, Verdict, Wait


async def terminal(run: Run) -> Verdict:
    """Runs in a later reconcile than the one that stored the result, hence never loses it to a time to live."""
    released_before = run.status.is_true(RELEASED)
    if released_before and not came_late(run):
        return await end_of_life(run)
    jobs = await own_jobs(run.ctx.client, run.config.executor_namespace, run.uid)
    released = [await release_job(run, job) for job in jobs]
    if any(outcome(job) is None for job in jobs):
        # A Job that is being deleted may still act: the target is not free before it is gone.
        if released_before:
            run.status.set_condition(RELEASED, False, reason="CameLate", message="a Job of it came late, and goes")
        return Wait(2 * SOON)
    await release_targets(run.ctx.client, run.config.executor_namespace, run.uid)
    if all(released):
        run.status.set_condition(RELEASED, True, reason="ResultStored")
        return await end_of_life(run) if released_before else Wait()
    message = "the server keeps no time to live on Jobs; they are deleted later"
    run.status.set_condition(RELEASED, False, reason="TTLUnsupported", message=message)
    return Wait(run.config.limits.result_ttl)
