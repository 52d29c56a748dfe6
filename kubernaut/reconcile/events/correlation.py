"""Which events are written, and as what: repeats become series, similar ones are combined, spam is left out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from kubernaut.reconcile.events.noted import Noted

SERIES_SECONDS = 360.0
"""A repeat this long after the last one starts a new Event instead of a series (client-go's finishTime)."""
SIMILAR_LIMIT = 10
SIMILAR_SECONDS = 600.0
"""Past 10 events in 600 s that differ in their note only, the rest go into one Event with `COMBINED_NOTE`."""
COMBINED_NOTE = "(combined from similar events)"
"""Fixed, because the note of an Event cannot be changed."""
SPAM_BURST = 25.0
SPAM_RATE = 1 / 300
"""Per object and controller: 25 events at once, then one every 300 s (client-go's spam filter)."""
REMEMBERED = 4096

Key = tuple[str, ...]
V = TypeVar("V")


@dataclass(slots=True)
class Series:
    """One Event on the server, at `path`, and how often it was told."""

    path: str
    last: float
    count: int = 1


@dataclass(slots=True)
class _Budget:
    tokens: float
    at: float


@dataclass(slots=True)
class _Similar:
    since: float
    notes: dict[str, None] = field(default_factory=dict)


class _Recent(OrderedDict[Key, V]):
    """Remembers the last few thousand keys used."""

    def keep(self, key: Key, value: V) -> V:
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)
        return value


class Correlator:
    """Remembers what was told of late."""

    def __init__(self) -> None:
        self._series: _Recent[Series] = _Recent()
        self._similar: _Recent[_Similar] = _Recent()
        self._budgets: _Recent[_Budget] = _Recent()

    def affords(self, noted: Noted) -> bool:
        """Whether its controller may tell of its object once more; then that is taken off its budget."""
        budget = self._budgets.get(noted.about) or _Budget(SPAM_BURST, noted.at)
        budget.tokens = min(SPAM_BURST, budget.tokens + (noted.at - budget.at) * SPAM_RATE)
        budget.at = noted.at
        self._budgets.keep(noted.about, budget)
        if budget.tokens < 1.0:
            return False
        budget.tokens -= 1.0
        return True

    def note(self, noted: Noted) -> str:
        """The note to write: its own, or the common one where there were many similar events."""
        similar = self._similar.get(noted.similar)
        if similar is None or noted.at - similar.since > SIMILAR_SECONDS:
            similar = _Similar(noted.at)
        self._similar.keep(noted.similar, similar)
        if noted.note in similar.notes:
            return noted.note
        if len(similar.notes) >= SIMILAR_LIMIT:
            return COMBINED_NOTE
        similar.notes[noted.note] = None
        return noted.note

    def repeated(self, noted: Noted, note: str) -> Series | None:
        """The Event that this one repeats, counted; None if there is none, or its last repeat is too long ago."""
        key = (*noted.similar, note)
        series = self._series.get(key)
        if series is None or noted.at - series.last >= SERIES_SECONDS:
            return None
        series.count += 1
        series.last = noted.at
        return self._series.keep(key, series)

    def begun(self, noted: Noted, note: str, path: str) -> None:
        """An Event was written, which later ones may repeat."""
        self._series.keep((*noted.similar, note), Series(path, noted.at))
