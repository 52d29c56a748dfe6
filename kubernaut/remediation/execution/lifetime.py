"""Deletes executions some time after they ended, once nobody needs them any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from kubernaut.client import NotFound
from kubernaut.reconcile import Permission
from kubernaut.reconcile.index import IndexFunction
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.reasons import RECORDED
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution
from kubernaut.remediation.machine import Verdict, Wait

UNDONE = "undone"
"""The index of executions by the name of the one that they undo."""


def lifetime_indexes(config: ExecutionConfig) -> Mapping[str, IndexFunction]:
    """The indexes that `end_of_life` looks into."""
    return {} if config.ttl_after_end is None else {UNDONE: _undone}


def lifetime_permissions(config: ExecutionConfig) -> list[Permission]:
    """What `end_of_life` calls."""
    if config.ttl_after_end is None:
        return []
    return [Permission(["delete"], KubernetesExecution, why="deletes executions some time after they ended")]


async def end_of_life(run: Run) -> Verdict:
    """Delete an execution that has ended, and of which nothing runs any more, once its time is over.

    It stays while the audit log has not all of it, while another execution that has not ended undoes it (as far as the
    cache knows), and as long as its controller, such as a workflow, lets it. Raises ApiError, Conflict where it was
    written meanwhile.
    """
    ttl, ended, metadata = run.config.ttl_after_end, run.status.completion_time, run.execution.metadata
    if ttl is None or ended is None or metadata.controller_reference() is not None:
        return Wait()
    if run.config.audited and not run.status.is_true(RECORDED):
        # The controller of the audit log writes this, which is an event.
        return Wait()
    left = ttl - (run.now - ended)
    if left > timedelta():
        return Wait(left)
    if _is_being_undone(run):
        return Wait(run.config.limits.poll)
    try:
        # Of this version: what was written since may be a reason to keep it.
        await run.ctx.client.delete(
            KubernetesExecution,
            run.execution.name,
            namespace=run.execution.namespace,
            uid=run.uid,
            resource_version=metadata.resource_version,
        )
    except NotFound:
        return Wait()
    run.ctx.log.info("deleted: it ended long ago", phase=run.status.phase, ended=ended.isoformat())
    return Wait()


def _is_being_undone(run: Run) -> bool:
    others = run.ctx.cache.list(KubernetesExecution, run.execution.namespace, index=(UNDONE, run.execution.name))
    return any(_undoes(other, run.uid) and other.status.phase not in TERMINAL for other in others)


def _undoes(other: KubernetesExecution, uid: str) -> bool:
    reference = other.spec.rollback_of
    return reference is not None and reference.uid in (None, uid)


def _undone(execution: KubernetesExecution) -> Iterable[str]:
    reference = execution.spec.rollback_of
    return [reference.name] if reference is not None else []
