"""The goals: how much less than a peer's a figure must be, for each row of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `cpu` times the peer's processor seconds, and `rss` times its memory; None: no goal."""

    cpu: float | None
    rss: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: what each program is asked to do, and with how many objects."""

    name: str
    title: str
    mode: str
    goals: Mapping[str, Goal]
    count: int = 20_000
    quick: int = 5_000
    rounds: int = 3


ROWS = (
    Row(
        "sync",
        "sync of {count} custom resources of 3.2 KB; a reconcile that reads each",
        "noop",
        {"kopf": Goal(1 / 10, 1 / 4), "controller-runtime": Goal(1 / 3, 1 / 4)},
    ),
    Row(
        "status",
        "the same with one status write each",
        "patch",
        {"kopf": Goal(1 / 5, 1 / 10), "controller-runtime": Goal(3 / 4, 1 / 5)},
        rounds=2,
    ),
    Row(
        "pods",
        "sync of {count} Pods of 8 KB",
        "pods",
        {"controller-runtime": Goal(1.0, 1 / 2)},
    ),
)
