"""Takes, waits for and lets go of the Lease on a target."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, Invocation, Parameters, Target
from kubernaut.actions.jobs import MANAGED_BY
from kubernaut.client import AlreadyExists, Client, Conflict, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.lock.holders import (
    EXECUTION,
    LABEL_HOLDER,
    WORKFLOW,
    Holder,
    at_work,
    is_free,
    member_key,
    members,
)
from kubernaut.remediation.execution.lock.roots import CLIMBED, root_uid
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.verdicts import Wait
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.batch_v1 import Job
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
        Permission(["list"], Job, namespace=namespace, why="sees whether anything still works on a target"),
    ]


async def lease_name(client: Client, order: Order, invocation: Invocation[Parameters]) -> str:
    """The name of the Lease for an action: by the uid of its target's root or, of what it makes, by name.

    Raises ParameterError as `Action.creates` does, ApiError.
    """
    created = order.action.creates(invocation)
    return f"target-{await root_uid(client, invocation.live) if created is None else _identity(created)}"


async def hold_target(run: Run, name: str) -> Wait | None:
    """Hold the Lease `name` for this execution; wait, visibly, while another's action is at work. Raises ApiError.

    It is taken over only when nobody who is under it works any more: never by time, for a slow action is one too. The
    steps of the workflow that holds it wait for each other as well.
    """
    execution = run.execution
    member = Holder(EXECUTION.kind, execution.namespace or "", execution.name, run.uid)
    holder = await Holder.of(run.ctx.client, execution)
    busy = await _hold(run, name, run.config.executor_namespace, holder, member)
    if busy is None:
        _held(run)
    return busy


async def hold_for_workflow(step: Step[Any], names: Iterable[str], namespace: str) -> Wait | None:
    """The same for the workflow that is being reconciled, whose steps work under these Leases later.

    They are taken one after the other, in the order of their names, and kept: so two workflows never wait for each
    other. Raises ApiError.
    """
    holder = Holder(WORKFLOW.kind, step.obj.namespace or "", step.obj.name, step.uid)
    for name in sorted(names):
        busy = await _hold(step, name, namespace, holder, None)
        if busy is not None:
            return busy
    _held(step)
    return None


async def _hold(step: Step[Any], name: str, namespace: str, holder: Holder, member: Holder | None) -> Wait | None:
    client = step.ctx.client
    taken = _lease(step, name, namespace, holder, member)
    try:
        lease = await client.get(Lease, name, namespace=namespace)
    except NotFound:
        try:
            await client.create(taken)
        except AlreadyExists:
            return Wait(PERIOD)
        return None
    current = Holder.read(lease)
    if current == holder:
        if _is_noted(lease, holder, member):
            return None
        if member is not None and (other := await at_work(client, lease, besides=member.uid)) is not None:
            return _busy(step, other)
        taken.metadata.labels |= lease.metadata.labels
        taken.metadata.annotations |= lease.metadata.annotations
        taken.spec.acquire_time = lease.spec.acquire_time
    elif not await is_free(client, lease, besides=step.uid):
        return _busy(step, current)
    taken.metadata.resource_version, taken.metadata.uid = lease.metadata.resource_version, lease.metadata.uid
    try:
        await client.update(taken)
    except (Conflict, NotFound):
        return Wait(PERIOD)
    return None


async def release_targets(client: Client, namespace: str, uid: str, place: tuple[str, str] | None = None) -> None:
    """Let go of what the execution `uid` works under; what its workflow goes on holding stays, without it.

    `place`: only of Leases that say that it is there, by namespace and name. Raises ApiError; Conflict where one has
    changed since it was listed, so that the next try sees whose it is.
    """
    for lease in await client.list(Lease, namespace=namespace, labels={member_key(uid): "true"}):
        if place is not None and lease.metadata.annotations.get(member_key(uid)) != "/".join(place):
            continue
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


async def release_workflow(client: Client, namespace: str, uid: str, place: tuple[str, str] | None = None) -> bool:
    """Let go of what the ended workflow `uid` holds; True when nothing is left.

    A target on which an execution of it is still at work stays held: ask again. `place` and errors as of
    `release_targets`.
    """
    left = False
    for lease in await client.list(Lease, namespace=namespace, labels={LABEL_HOLDER: uid}):
        holder = Holder.read(lease)
        if holder.uid != uid or place not in (None, (holder.namespace, holder.name)):
            continue
        if await at_work(client, lease) is not None:
            left = True
            continue
        try:
            version = lease.metadata.resource_version
            await client.delete(Lease, lease.name, namespace=namespace, uid=lease.uid, resource_version=version)
        except NotFound:
            continue
    return not left


def _identity(document: Mapping[str, Any]) -> str:
    """Of an object that does not exist, and so has no uid: the same for everybody who would make it."""
    target = Target.of(document)
    group = target.api_version.rpartition("/")[0]
    words = "/".join((group, target.kind, target.namespace or "", target.name))
    return f"new-{hashlib.sha256(words.encode()).hexdigest()[:32]}"


def _is_noted(lease: Lease, holder: Holder, member: Holder | None) -> bool:
    if member is None:
        return lease.metadata.labels.get(LABEL_HOLDER) == holder.uid
    return any(each.uid == member.uid for each in members(lease))


def _lease(step: Step[Any], name: str, namespace: str, holder: Holder, member: Holder | None) -> Lease:
    now, labels, notes = step.now, {**MANAGED_BY}, holder.annotations()
    if member is not None:
        key = member_key(member.uid)
        labels[key] = "true"
        notes[key] = f"{member.namespace}/{member.name}"
    labels[LABEL_EXECUTION_ID if holder.kind == EXECUTION.kind else LABEL_HOLDER] = holder.uid
    metadata = ObjectMeta(name=name, namespace=namespace, labels=labels, annotations=notes)
    return Lease(metadata=metadata, spec=LeaseSpec(holder_identity=holder.uid, acquire_time=now, renew_time=now))


def _held(step: Step[Any]) -> None:
    """Who waited does not any more."""
    if step.phased.condition(Reason.TARGET_BUSY) is not None:
        step.phased.set_condition(Reason.TARGET_BUSY, False, reason="TargetFree", message="the target is free")


def _busy(step: Step[Any], holder: Holder) -> Wait:
    message = f"{holder} works on the target; this one goes on when it has ended"
    if not step.phased.is_true(Reason.TARGET_BUSY):
        step.event(Reason.TARGET_BUSY, message)
    step.phased.set_condition(Reason.TARGET_BUSY, True, reason="HeldByAnother", message=message)
    return Wait(PERIOD)
