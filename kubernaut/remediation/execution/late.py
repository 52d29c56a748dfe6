"""What reaches the server after its execution ended: a leader that was deposed unawares sends its last write late."""

from __future__ import annotations

import msgspec

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.client import NotFound
from kubernaut.remediation.execution.held import HELD
from kubernaut.remediation.execution.lock.holders import member_key
from kubernaut.remediation.execution.run import Run
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease


class _Spec(msgspec.Struct, rename="camel"):
    ttl_seconds_after_finished: int | None = None


class _Job(msgspec.Struct):
    spec: _Spec


_decoder = msgspec.json.Decoder(_Job)


def came_late(run: Run) -> bool:
    """Whether there is, by the cache, a Job or a Lease of an execution that has let go of all that it had."""
    namespace = run.config.executor_namespace
    if run.ctx.cache.heads(Lease, namespace=namespace, labels={member_key(run.uid): "true"}):
        return True
    return any(_is_unreleased(run, namespace, name) for name in _names(run))


def _names(run: Run) -> list[str]:
    results = run.status.validation_results
    dry_run = results.dry_run_results if results is not None else None
    return [name for name in (run.status.job_name, dry_run.job_name if dry_run is not None else None) if name]


def _is_unreleased(run: Run, namespace: str, name: str) -> bool:
    """Whether a Job of this execution still waits for it, or will stay for ever once it has ended."""
    try:
        head = run.ctx.cache.head(Job, name, namespace)
        if head.labels.get(LABEL_EXECUTION_ID) != run.uid:
            return False
        if HELD in head.finalizers:
            return True
        spec = _decoder.decode(run.ctx.cache.raw(Job, name, namespace)).spec
    except (NotFound, msgspec.ValidationError):
        return False
    return head.deletion_timestamp is None and spec.ttl_seconds_after_finished is None
