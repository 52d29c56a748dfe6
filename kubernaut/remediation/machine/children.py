"""Children that are created once: deterministic names, recognised again after a crash, never a stranger's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from kubernaut.client import AlreadyExists, NotFound
from kubernaut.remediation.machine.step import Step
from kubernaut.resources import Model, Resource, set_controller_reference

C = TypeVar("C", bound=Resource)

CHILD_NAME_TAKEN = "ChildNameTaken"
_MAX_NAME = 253
_NOT_ASKED = ("api_version", "kind", "metadata", "status")
"""Fields that do not say what an object asks for."""
_STAMP = "requested_by"


def child_name(parent: str, *parts: str | int, limit: int = _MAX_NAME) -> str:
    """`<parent>-<part>-<part>`; too long, the parent is cut and hashed, so that no two share a name."""
    suffix = "".join(f"-{part}" for part in parts)
    if len(parent) + len(suffix) <= limit:
        return parent + suffix
    digest = hashlib.sha256(parent.encode()).hexdigest()[:10]
    return f"{parent[: limit - len(suffix) - 11].rstrip('-.')}-{digest}{suffix}"


async def ensure_child(step: Step[Any], wanted: C, matches: Callable[[C], bool] | None = None) -> C | None:
    """The child as the server has it, created where it was missing; `wanted` has a name, and no owner yet.

    Reads live, not from the cache: a cache may be older than this controller's own creation. The object being
    reconciled becomes its controller. What is there counts only where it asks for the same as `wanted`, or
    `matches` says so. None where the name is a stranger's (the condition ChildNameTaken says so, and nothing is
    adopted) or was taken between the look and the creation: look again later. Raises ApiError.
    """
    accept = matches or (lambda child: asks_the_same(child, wanted))
    found, taken = await _look(step, type(wanted), wanted.name, accept)
    if found is not None or taken:
        return found
    wanted.metadata.namespace = step.obj.namespace
    set_controller_reference(wanted, step.obj)
    try:
        return await step.ctx.client.create(wanted)
    except AlreadyExists:
        return None


async def find_child(step: Step[Any], kind: type[C], name: str, matches: Callable[[C], bool] | None = None) -> C | None:
    """The child of that name as the server has it; None where there is none, or it is a stranger's. Raises ApiError.

    Whoever may create objects of the kind can write our owner reference into one: where nothing else tells that it is
    ours, such as a recorded uid, `matches` says whether it is what we would have created.
    """
    return (await _look(step, kind, name, matches))[0]


def asks_the_same(found: C, wanted: C) -> bool:
    """Whether both ask for the same: every field that the model knows, but metadata and status.

    What the server has added and the model does not know is left out, as is a `requestedBy` that we did not write:
    where we name nobody, admission may.
    """
    # As it would come back from the server: written, and read again.
    same = type(wanted).from_dict(wanted.to_dict())
    fields = [name for name in type(wanted).model_fields if name not in _NOT_ASKED]
    return all(_equal(getattr(found, name), getattr(same, name)) for name in fields)


async def _look(
    step: Step[Any], kind: type[C], name: str, matches: Callable[[C], bool] | None
) -> tuple[C | None, bool]:
    """The child, and whether its name is a stranger's."""
    word = kind.resource_type.kind
    try:
        found = await step.ctx.client.get(kind, name, namespace=step.obj.namespace)
    except NotFound:
        _free(step, word)
        return None, False
    controller = found.metadata.controller_reference()
    ours = controller is not None and controller.uid == step.obj.uid
    if ours and (matches is None or matches(found)):
        _free(step, word)
        return found, False
    why = "says that it is ours, and is not what we would create" if ours else "is not ours"
    message = f"{word} {name} exists and {why}; waiting until it is gone"
    if not step.phased.is_true(CHILD_NAME_TAKEN):
        step.event(CHILD_NAME_TAKEN, message, warning=True)
    step.phased.set_condition(CHILD_NAME_TAKEN, True, reason=f"Foreign{word}", message=message)
    return None, True


def _free(step: Step[Any], word: str) -> None:
    """Another kind's name may be taken all the same."""
    taken = step.phased.condition(CHILD_NAME_TAKEN)
    if taken is not None and taken.reason == f"Foreign{word}":
        step.phased.remove_condition(CHILD_NAME_TAKEN)


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Model):
        return type(found) is type(wanted) and all(
            (name == _STAMP and getattr(wanted, name) is None) or _equal(getattr(found, name), getattr(wanted, name))
            for name in type(wanted).model_fields
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_equal(one, other) for one, other in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(_equal(found[key], value) for key, value in wanted.items())
        )
    return bool(found == wanted)
