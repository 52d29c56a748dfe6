"""What the handler of a phase may answer: go on, wait, or fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

SOON = timedelta(seconds=1)
"""How long after a deadline it is looked at; and how soon what should show at once is looked for again."""
POLL = timedelta(seconds=15)
"""The safety net under the watches."""


@dataclass(frozen=True, slots=True)
class Move:
    """Enter `phase`, which the phase table must allow.

    `reason` is for machines: it stands in the recorded transition, in the Event and in the conditions; left out, it is
    the phase in CamelCase.
    """

    phase: str
    message: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay in this phase; look again after `after` at the latest (a watch event comes earlier).

    None: as soon as the table's safety net says; in a terminal phase, only upon events.
    """

    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """End in the table's phase of failure, for a machine-readable `reason`; `message` is for people.

    `cause` is the error that it came from, where there was one.
    """

    reason: str
    message: str
    cause: Exception | None = field(default=None, compare=False)


Verdict = Move | Wait | Fail
"""What a handler answers."""
