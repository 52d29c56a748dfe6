"""Conditions of the built-in kinds, whose statuses are stamped by their controllers."""

from __future__ import annotations

from datetime import datetime

from kubernaut.resources import Condition, ConditionStatus


def find(conditions: list[Condition], kind: str) -> Condition | None:
    """The condition of this type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: list[Condition], kind: str) -> bool:
    """Whether the condition is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def put(
    conditions: list[Condition], kind: str, status: bool, now: datetime, *, reason: str = "", message: str = ""
) -> Condition:
    """Set a condition in place; its transition time moves only with its status."""
    value: ConditionStatus = "True" if status else "False"
    found = find(conditions, kind)
    if found is None:
        found = Condition(type=kind, status=value, last_transition_time=now)
        conditions.append(found)
    elif found.status != value:
        found.status = value
        found.last_transition_time = now
    found.reason = reason
    found.message = message
    return found
