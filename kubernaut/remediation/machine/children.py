"""Children that are created once: deterministic names, recognised again after a crash, never a stranger's."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from kubernaut.client import AlreadyExists, NotFound
from kubernaut.remediation.machine.step import Step
from kubernaut.resources import Resource, set_controller_reference

C = TypeVar("C", bound=Resource)

CHILD_NAME_TAKEN = "ChildNameTaken"
_MAX_NAME = 253


def child_name(parent: str, *parts: str | int, limit: int = _MAX_NAME) -> str:
    """`<parent>-<part>-<part>`; too long, the parent is cut and hashed, so that no two share a name."""
    suffix = "".join(f"-{part}" for part in parts)
    if len(parent) + len(suffix) <= limit:
        return parent + suffix
    digest = hashlib.sha256(parent.encode()).hexdigest()[:10]
    return f"{parent[: limit - len(suffix) - 11].rstrip('-.')}-{digest}{suffix}"


async def ensure_child(step: Step[Any], wanted: C) -> C | None:
    """The child as the server has it, created where it was missing; `wanted` has a name, and no owner yet.

    Reads live, not from the cache: a cache may be older than this controller's own creation. The object being
    reconciled becomes its controller. None where the name is a stranger's (the condition ChildNameTaken says so, and
    nothing is adopted) or was taken between the look and the creation: look again later. Raises ApiError.
    """
    found = await find_child(step, type(wanted), wanted.name)
    if found is not None or step.phased.is_true(CHILD_NAME_TAKEN):
        return found
    wanted.metadata.namespace = step.obj.namespace
    set_controller_reference(wanted, step.obj)
    try:
        return await step.ctx.client.create(wanted)
    except AlreadyExists:
        return None


async def find_child(step: Step[Any], kind: type[C], name: str) -> C | None:
    """The child of that name as the server has it; None where there is none, or it is a stranger's. Raises ApiError."""
    try:
        found = await step.ctx.client.get(kind, name, namespace=step.obj.namespace)
    except NotFound:
        step.phased.remove_condition(CHILD_NAME_TAKEN)
        return None
    controller = found.metadata.controller_reference()
    if controller is None or controller.uid != step.obj.uid:
        message = f"{kind.resource_type.kind} {name} exists and is not ours; waiting until it is gone"
        if not step.phased.is_true(CHILD_NAME_TAKEN):
            step.event(CHILD_NAME_TAKEN, message, warning=True)
        step.phased.set_condition(CHILD_NAME_TAKEN, True, reason=f"Foreign{kind.resource_type.kind}", message=message)
        return None
    step.phased.remove_condition(CHILD_NAME_TAKEN)
    return found
