"""Takes, waits for and lets go of the Lease on a target."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.client import AlreadyExists, Client, Conflict, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.lock.holders import WORKFLOW, Holder
from kubernaut.remediation.execution.lock.roots import CLIMBED, root_uid
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.verdicts import Wait
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec

PERIOD = timedelta(seconds=5)
"""How soon a target that was busy is looked at again."""


def lock_permissions(namespace: str) -> list[Permission]:
    """What the lock calls."""
    why = "lets one action at a time work on a target"
    verbs = ["get", "list", "create", "update", "delete"]
    return [
        Permission(verbs, Lease, namespace=namespace, why=why),
        *(Permission(["get"], kind, why="finds what a pod belongs to") for kind in CLIMBED),
        Permission(["get"], WORKFLOW, why="sees whether the workflow that holds a target has ended"),
    ]


async def hold_target(run: Run, live: dict[str, Any]) -> Wait | None:
    """Hold the target for this execution; wait, visibly, while another's action is at work on it. Raises ApiError.

    The Lease is taken over only from a holder that is gone or has ended: never by time, for a slow action is one too.
    """
    client, holder = run.ctx.client, Holder.of(run.execution)
    name = f"target-{await root_uid(client, live)}"
    namespace = run.config.executor_namespace
    try:
        lease = await client.get(Lease, name, namespace=namespace)
    except NotFound:
        try:
            await client.create(_lease(run, name, namespace, holder))
        except AlreadyExists:
            return Wait(PERIOD)
        _held(run)
        return None
    current = Holder.read(lease)
    if current.uid == holder.uid:
        _held(run)
        return None
    if not await current.is_done(client):
        return _busy(run, current)
    taken = _lease(run, name, namespace, holder)
    taken.metadata.resource_version, taken.metadata.uid = lease.metadata.resource_version, lease.metadata.uid
    try:
        await client.update(taken)
    except (Conflict, NotFound):
        return Wait(PERIOD)
    _held(run)
    return None


async def release_targets(client: Client, namespace: str, uid: str) -> None:
    """Let go of what the execution `uid` holds by itself; what its workflow holds, the workflow lets go of.

    Raises ApiError; Conflict where a Lease has changed since it was listed, so that the next try sees whose it is.
    """
    for lease in await client.list(Lease, namespace=namespace, labels={LABEL_EXECUTION_ID: uid}):
        if lease.spec.holder_identity != uid:
            continue
        version = lease.metadata.resource_version
        try:
            await client.delete(Lease, lease.name, namespace=namespace, uid=lease.uid, resource_version=version)
        except NotFound:
            continue


def _lease(run: Run, name: str, namespace: str, holder: Holder) -> Lease:
    now = run.now
    metadata = ObjectMeta(
        name=name,
        namespace=namespace,
        labels={"app.kubernetes.io/managed-by": "kubernaut", LABEL_EXECUTION_ID: run.uid},
        annotations=holder.annotations(),
    )
    return Lease(metadata=metadata, spec=LeaseSpec(holder_identity=holder.uid, acquire_time=now, renew_time=now))


def _held(run: Run) -> None:
    if run.status.condition(Reason.TARGET_BUSY) is not None:
        run.status.set_condition(Reason.TARGET_BUSY, False, reason="TargetFree", message="the target is free")


def _busy(run: Run, holder: Holder) -> Wait:
    message = f"{holder} works on the target; this one goes on when it has ended"
    if not run.status.is_true(Reason.TARGET_BUSY):
        run.event(Reason.TARGET_BUSY, message)
    run.status.set_condition(Reason.TARGET_BUSY, True, reason="HeldByAnother", message=message)
    return Wait(PERIOD)
