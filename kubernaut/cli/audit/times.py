"""Reads the times that a person gives: a moment, or an age."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_age(text: str) -> timedelta:
    """`90m`, `12h`, `7d`, `1d12h`. Raises ValueError."""
    parts = _AGE.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no age: write it as 90m, 12h or 7d")
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than can be counted") from None


def moment(text: str, now: datetime, name: str) -> datetime:
    """A time such as 2024-01-01T12:00:00Z (UTC unless it says otherwise), or an age before `now`. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - parse_age(text)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{name}: {text!r} is neither a time such as 2024-01-01T12:00:00Z nor an age such as 12h"
            ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
