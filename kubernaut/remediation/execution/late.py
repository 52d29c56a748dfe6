"""What reaches the server after its execution ended: a leader that was deposed unawares sends its last write late."""

from __future__ import annotations

from kubernaut.client import NotFound
from kubernaut.reconcile import Request
from kubernaut.remediation.execution.held import HELD
from kubernaut.remediation.execution.lock import held_under
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.resources.builtin.batch_v1 import Job


def came_late(run: Run) -> bool:
    """Whether there is, by the cache, a Job or a Lease of an execution that has let go of all that it had."""
    execution, namespace = run.execution, run.config.executor_namespace
    if run.uid in held_under(
        run.ctx.cache, namespace, KubernetesExecution, Request(execution.namespace, execution.name)
    ):
        return True
    return any(_is_held(run, namespace, name) for name in _names(run))


def _names(run: Run) -> list[str]:
    results = run.status.validation_results
    dry_run = results.dry_run_results if results is not None else None
    return [name for name in (run.status.job_name, dry_run.job_name if dry_run is not None else None) if name]


def _is_held(run: Run, namespace: str, name: str) -> bool:
    try:
        return HELD in run.ctx.cache.head(Job, name, namespace).finalizers
    except NotFound:
        return False
