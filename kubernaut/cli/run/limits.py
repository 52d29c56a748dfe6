"""Limits as one setting: a mapping of their names to durations, sizes and shares."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kubernaut.cli.run.values import count, nearest, pairs, rate, span
from kubernaut.remediation.execution import Limits
from kubernaut.remediation.request.limits import Limits as RemediationLimits
from kubernaut.resources.scalars import format_duration

M = TypeVar("M", bound=BaseModel)

MAX_CONCURRENT = 100
"""As many as there are connections for requests by default: more of them would only wait for each other."""


def read_workers(value: object) -> int:
    """Read how many may be worked on at once, 1 to MAX_CONCURRENT; raises ValueError."""
    number = count(value)
    if number > MAX_CONCURRENT:
        raise ValueError(
            f"{number} must be at most {MAX_CONCURRENT}: one process has one processor and some connections to share;"
            " --shards divides the work among several"
        )
    return number


def read_limits(value: object) -> Limits:
    """Read `validation=1m,dry-run=3m`, or a mapping of the same; what is left out keeps its default.

    Raises ValueError that tells everything that is wrong.
    """
    return _read(Limits, value)


def read_remediation_limits(value: object) -> RemediationLimits:
    """Read `cooldown=10m,failed-rate=0.3`, or a mapping of the same, as `read_limits` does."""
    return _read(RemediationLimits, value)


def _read(model: type[M], value: object) -> M:
    if isinstance(value, model):
        return value
    problems: list[str] = []
    read: dict[str, Any] = {}
    for key, given in pairs(value).items():
        field = key.replace("-", "_")
        if field not in model.model_fields or "_" in key:
            problems.append(f"there is no limit {key!r}: {nearest(key, limit_names(model))}")
            continue
        try:
            read[field] = _value(model.model_fields[field].default, given)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    try:
        limits = model(**read)
    except ValidationError as error:
        problems += [f"{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in error.errors()]
    if problems:
        raise ValueError("; ".join(problems))
    return limits


def _value(default: object, given: object) -> object:
    """A value of the kind that the default is of; without a default they are durations."""
    if default is None or isinstance(default, timedelta):
        return span(given)
    return rate(given) if isinstance(default, float) else count(given)


def limit_names(model: type[BaseModel] = Limits) -> list[str]:
    """As they are written in a configuration."""
    return [field.replace("_", "-") for field in model.model_fields]


def written(limits: BaseModel) -> dict[str, str | int | float]:
    """The form that limits are read from."""
    values = ((field.replace("_", "-"), getattr(limits, field)) for field in type(limits).model_fields)
    return {
        name: format_duration(value) if isinstance(value, timedelta) else value
        for name, value in values
        if value is not None
    }
