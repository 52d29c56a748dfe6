"""The limits of executions as one setting: a mapping of their names to durations and sizes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from kubernaut.cli.run.values import count, nearest, pairs, span
from kubernaut.remediation.execution import Limits
from kubernaut.resources.scalars import format_duration


def read_limits(value: object) -> Limits:
    """Read `validation=1m,dry-run=3m`, or a mapping of the same; what is left out keeps its default.

    Raises ValueError that tells everything that is wrong.
    """
    if isinstance(value, Limits):
        return value
    problems: list[str] = []
    read: dict[str, Any] = {}
    for key, given in pairs(value).items():
        field = key.replace("-", "_")
        if field not in Limits.model_fields or "_" in key:
            problems.append(f"there is no limit {key!r}: {nearest(key, limit_names())}")
            continue
        default = Limits.model_fields[field].default
        try:
            read[field] = span(given) if isinstance(default, timedelta) else count(given)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    try:
        limits = Limits(**read)
    except ValidationError as error:
        problems += [f"{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in error.errors()]
    if problems:
        raise ValueError("; ".join(problems))
    return limits


def limit_names() -> list[str]:
    """As they are written in a configuration."""
    return [field.replace("_", "-") for field in Limits.model_fields]


def written(limits: Limits) -> dict[str, str | int]:
    """The form that `read_limits` reads."""
    values = ((field.replace("_", "-"), getattr(limits, field)) for field in Limits.model_fields)
    return {name: format_duration(value) if isinstance(value, timedelta) else int(value) for name, value in values}
