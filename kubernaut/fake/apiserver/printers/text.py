"""Words and times as kubectl's readers know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]
NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
_YEAR = 365


def human_duration(seconds: int) -> str:
    """A length of time in its one or two largest units, as k8s.io/apimachinery's duration.HumanDuration."""
    if seconds < -1:
        return "<invalid>"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    years = days // _YEAR
    steps = (
        (seconds < 120, (max(seconds, 0), "s", 0, "")),
        (minutes < 10, (minutes, "m", seconds % 60, "s")),
        (minutes < 180, (minutes, "m", 0, "")),
        (hours < 8, (hours, "h", minutes % 60, "m")),
        (hours < 48, (hours, "h", 0, "")),
        (days < 8, (days, "d", hours % 24, "h")),
        (years < 2, (days, "d", 0, "")),
        (years < 8, (years, "y", days % _YEAR, "d")),
    )
    large, unit, small, below = next((parts for fits, parts in steps if fits), (years, "y", 0, ""))
    return f"{large}{unit}{small}{below}" if small else f"{large}{unit}"


def since(stamp: str | None, now: datetime) -> str:
    """How long ago a moment was; `<unknown>` for none."""
    if not stamp:
        return UNKNOWN
    return human_duration(int((now - datetime.fromisoformat(stamp)).total_seconds()))


def age(obj: Object, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def between(start: str, end: str) -> str:
    return human_duration(int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))


def labels(given: Mapping[str, str] | None) -> str:
    """`a=b,c=d`."""
    return ",".join(f"{key}={value}" for key, value in sorted((given or {}).items())) or NONE


def selector(given: Object | None, empty: str = NONE) -> str:
    """A LabelSelector in the form that `kubectl -l` takes."""
    given = given or {}
    parts = [(key, f"{key}={value}") for key, value in sorted((given.get("matchLabels") or {}).items())]
    for term in given.get("matchExpressions") or []:
        key, values = term.get("key", ""), ",".join(sorted(term.get("values") or []))
        shown = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append((key, shown.get(term.get("operator", ""), f"!{key}")))
    return ",".join(text for _, text in sorted(parts, key=lambda part: part[0])) or empty


def containers(template: Object) -> list[str]:
    """The names and the images of a pod template's containers."""
    listed = (template.get("spec") or {}).get("containers") or []
    return [",".join(item.get("name", "") for item in listed), ",".join(item.get("image", "") for item in listed)]


def first_few(items: Sequence[str], most: int, empty: str = NONE) -> str:
    """The first of them, and how many more there are."""
    if not items:
        return empty
    shown = ",".join(items[:most])
    return f"{shown} + {len(items) - most} more..." if len(items) > most else shown


def spec_of(obj: Object) -> Any:
    return obj.get("spec") or {}


def status_of(obj: Object) -> Any:
    return obj.get("status") or {}


def condition(obj: Object, kind: str) -> bool:
    """Whether a condition of this type is True."""
    given = status_of(obj).get("conditions") or []
    return any(item.get("type") == kind and item.get("status") == "True" for item in given)


def yes_or_no(value: bool | None) -> str:
    return UNSET if value is None else str(value)
