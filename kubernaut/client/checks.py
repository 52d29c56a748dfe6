"""Refuses arguments that make no sense, naming the field and the nearest value that would."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

__all__ = ["at_least", "between", "one_of"]


def at_least(field: str, value: float, lowest: float) -> None:
    """Raises ValueError when ``value`` is below ``lowest`` or no finite number."""
    if not value >= lowest or math.isinf(value):
        raise ValueError(f"{field}: {value!r} is not {lowest:g} or more; the nearest is {lowest:g}")


def between(field: str, value: float, lowest: float, highest: float) -> None:
    """Raises ValueError when ``value`` is outside of ``lowest`` to ``highest``."""
    if not lowest <= value <= highest:
        nearest = highest if value > highest else lowest
        raise ValueError(f"{field}: {value!r} is not between {lowest:g} and {highest:g}; the nearest is {nearest:g}")


def one_of(field: str, value: str, valid: Sequence[str]) -> None:
    """Raises ValueError when ``value`` is none of ``valid``."""
    if value in valid:
        return
    near = difflib.get_close_matches(value.lower(), valid, n=1, cutoff=0.5)
    hint = f"the nearest is {near[0]!r}" if near else "it has to be one of these"
    raise ValueError(f"{field}: {value!r} is none of {', '.join(valid)}; {hint}")
