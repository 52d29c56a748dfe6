"""What is shown of a HorizontalPodAutoscaler: what it measures, and what it wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import NONE, UNKNOWN, UNSET, age, spec_of, status_of

Object = Mapping[str, Any]
_SHOWN = 2


def autoscaler(obj: Object, now: datetime) -> list[Any]:
    """The cells of an object of autoscaling/v2, or of v1 with its one metric."""
    spec, status = spec_of(obj), status_of(obj)
    target = spec.get("scaleTargetRef") or {}
    return [
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(list(_each(spec, status))),
        str(spec.get("minReplicas", UNSET)),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj, now),
    ]


def _metrics(shown: list[str]) -> str:
    if not shown:
        return NONE
    text = ", ".join(shown[:_SHOWN])
    return f"{text} + {len(shown) - _SHOWN} more..." if len(shown) > _SHOWN else text


def _each(spec: Object, status: Object) -> Iterator[str]:
    if "targetCPUUtilizationPercentage" in spec:
        current = status.get("currentCPUUtilizationPercentage")
        measured = UNKNOWN if current is None else f"{current}%"
        yield f"cpu: {measured}/{spec['targetCPUUtilizationPercentage']}%"
    measured_ones = status.get("currentMetrics") or []
    for index, metric in enumerate(spec.get("metrics") or []):
        name = {"Resource": "resource", "ContainerResource": "containerResource"}.get(metric["type"])
        own = metric.get(name or metric["type"].lower()) or {}
        seen = measured_ones[index] if index < len(measured_ones) else {}
        current = (seen.get(name or metric["type"].lower()) or {}).get("current") or {}
        prefix = f"{own.get('name', '')}: " if name else ""
        yield prefix + _measure(own.get("target") or {}, current, averaged=not name and metric["type"] != "Pods")


def _measure(target: Object, current: Object, *, averaged: bool) -> str:
    if "averageValue" in target:
        text = f"{current.get('averageValue', UNKNOWN)}/{target['averageValue']}"
        return f"{text} (avg)" if averaged else text
    if "averageUtilization" in target:
        seen = current.get("averageUtilization")
        return f"{UNKNOWN if seen is None else f'{seen}%'}/{target['averageUtilization']}%"
    return f"{current.get('value', UNKNOWN)}/{target.get('value', '<auto>')}"
