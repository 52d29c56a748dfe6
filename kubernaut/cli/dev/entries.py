"""What there is to show while controllers run: one entry per thing that happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Aspect = Literal["reconcile", "failure", "write", "refused", "condition", "event", "gone", "log", "note", "error"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `who` is "Kind namespace/name", or empty; `detail` may have several lines."""

    time: datetime
    aspect: Aspect
    who: str
    text: str
    detail: str = ""


@dataclass(slots=True)
class Row:
    """How one object is: its conditions, and how its last reconcile went."""

    conditions: str = ""
    reconciles: int = 0
    last: str = ""
    failed: bool = False


class Board:
    """The objects of the controllers' kinds, as they are now."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.reconciles = 0
        self.writes = 0

    def row(self, who: str) -> Row:
        """The row of an object, new if need be."""
        return self.rows.setdefault(who, Row())

    def forget(self, who: str) -> None:
        """The object is gone."""
        self.rows.pop(who, None)

    @property
    def failing(self) -> list[str]:
        """Objects whose last reconcile failed."""
        return [who for who, row in self.rows.items() if row.failed]


def who(kind: str, namespace: str | None, name: str) -> str:
    """How an object is called in entries."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
