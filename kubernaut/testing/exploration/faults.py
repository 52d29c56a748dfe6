"""The kinds of faults that an exploration injects, and what each is called."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ALL_FAULTS", "Fault"]


class Fault(StrEnum):
    """One kind of fault; a scenario chooses which it is to meet."""

    CRASH = "crash"
    """The manager dies between two instructions; a new one starts, at once or after `downtime` seconds."""
    HANDOVER = "handover"
    """The leader changes: the manager stops in order and another one starts, which has nothing in memory."""
    ERROR = "error"
    """The server answers `code` (409, 429, 500, 503) and does nothing."""
    TIMEOUT = "timeout"
    """No answer in time: before, the request is lost; after, it took effect and the answer is lost."""
    STALE = "stale"
    """From now on the watches of `resource` are late by `events` events, for `seconds` at most."""
    LOST = "lost"
    """The next `events` frames of the watches of `resource` are lost and history with them: they get 410 then."""
    DUPLICATE = "duplicate"
    """The next `events` frames of the watches of `resource` come twice."""
    EXPIRED = "expired"
    """The watches of `resource` get 410 and must list again."""
    CUT = "cut"
    """The connections of the watches of `resource` break."""
    CLOCK = "clock"
    """The operator's wall clock jumps by `seconds`, forward or back."""
    SLOW = "slow"
    """From now on simulated pods take `seconds` longer to start."""
    TOUCH = "touch"
    """A person annotates an object."""
    EDIT = "edit"
    """A person makes edit number `edit` of the scenario's `edits`."""
    DELETE = "delete"
    """A person deletes an object."""
    DEPOSED = "deposed"
    """The leader changes and the old one does not notice: its write is on its way, and arrives `seconds` later, when
    another one leads. Until then it sees nothing new; what it writes after that is refused, and it ends."""


ALL_FAULTS: frozenset[Fault] = frozenset(Fault)
"""Every kind; iterate over `Fault` itself, whose order is fixed."""

PEOPLE = (Fault.TOUCH, Fault.EDIT, Fault.DELETE)
WATCHES = (Fault.STALE, Fault.LOST, Fault.DUPLICATE, Fault.EXPIRED, Fault.CUT)
