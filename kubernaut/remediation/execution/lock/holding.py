"""Takes, waits for and lets go of the Lease on a target."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, Invocation, Parameters, Target
from kubernaut.actions.jobs import MANAGED_BY
from kubernaut.client import AlreadyExists, Client, Conflict, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.lock.holders import EXECUTION, WORKFLOW, Holder, is_free, member_key, members
from kubernaut.remediation.execution.lock.roots import CLIMBED, root_uid
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.verdicts import Wait
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


async def lease_name(client: Client, order: Order, invocation: Invocation[Parameters]) -> str:
    """The name of the Lease for an action: by the uid of its target's root or, of what it makes, by name.

    Raises ParameterError as `Action.creates` does, ApiError.
    """
    created = order.action.creates(invocation)
    return f"target-{await root_uid(client, invocation.live) if created is None else _identity(created)}"


async def hold_target(run: Run, name: str) -> Wait | None:
    """Hold the Lease `name` for this execution; wait, visibly, while another's action is at work. Raises ApiError.

    It is taken over only when nobody who is under it works any more: never by time, for a slow action is one too.
    """
    client, holder = run.ctx.client, await Holder.of(run.ctx.client, run.execution)
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
    taken = _lease(run, name, namespace, holder)
    if current == holder:
        if any(member.uid == run.uid for member in members(lease)):
            _held(run)
            return None
        taken.metadata.labels |= lease.metadata.labels
        taken.metadata.annotations |= lease.metadata.annotations
        taken.spec.acquire_time = lease.spec.acquire_time
    elif not await is_free(client, lease, besides=run.uid):
        return _busy(run, current)
    taken.metadata.resource_version, taken.metadata.uid = lease.metadata.resource_version, lease.metadata.uid
    try:
        await client.update(taken)
    except (Conflict, NotFound):
        return Wait(PERIOD)
    _held(run)
    return None


async def release_targets(client: Client, namespace: str, uid: str) -> None:
    """Let go of what the execution `uid` works under; what its workflow goes on holding stays, without it.

    Raises ApiError; Conflict where a Lease has changed since it was listed, so that the next try sees whose it is.
    """
    for lease in await client.list(Lease, namespace=namespace, labels={member_key(uid): "true"}):
        try:
            if lease.spec.holder_identity == uid or await is_free(client, lease, besides=uid):
                version = lease.metadata.resource_version
                await client.delete(Lease, lease.name, namespace=namespace, uid=lease.uid, resource_version=version)
                continue
            lease.metadata.labels.pop(member_key(uid), None)
            lease.metadata.annotations.pop(member_key(uid), None)
            await client.update(lease)
        except NotFound:
            continue


def _identity(document: Mapping[str, Any]) -> str:
    """Of an object that does not exist, and so has no uid: the same for everybody who would make it."""
    target = Target.of(document)
    group = target.api_version.rpartition("/")[0]
    words = "/".join((group, target.kind, target.namespace or "", target.name))
    return f"new-{hashlib.sha256(words.encode()).hexdigest()[:32]}"


def _lease(run: Run, name: str, namespace: str, holder: Holder) -> Lease:
    now, key = run.now, member_key(run.uid)
    labels = {**MANAGED_BY, key: "true"}
    if holder.kind == EXECUTION.kind:
        labels[LABEL_EXECUTION_ID] = run.uid
    metadata = ObjectMeta(
        name=name,
        namespace=namespace,
        labels=labels,
        annotations={**holder.annotations(), key: f"{run.execution.namespace}/{run.execution.name}"},
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
