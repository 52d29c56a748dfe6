"""Conditions of the built-in kinds, whose statuses are stamped by their controllers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from kubernaut.resources import Condition, ConditionStatus

C = TypeVar("C", bound=Condition)


def find(conditions: Iterable[C], kind: str) -> C | None:
    """The condition of this type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    """Whether the condition is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def put(
    made: type[C], conditions: list[C], kind: str, status: bool, now: datetime, *, reason: str = "", message: str = ""
) -> C:
    """Set a condition in place, as a `made` if it is new; its transition time moves only with its status."""
    value: ConditionStatus = "True" if status else "False"
    found = find(conditions, kind)
    if found is None:
        found = made(type=kind, status=value, last_transition_time=now)
        conditions.append(found)
    elif found.status != value:
        found.status = value
        found.last_transition_time = now
    found.reason = reason
    found.message = message
    return found
