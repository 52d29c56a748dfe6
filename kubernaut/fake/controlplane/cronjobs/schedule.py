"""Cron schedules as Kubernetes reads them: five fields, names, steps, macros; in a time zone. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAYS_AHEAD = 5 * 366
"""A schedule that matches no day of five years never matches (robfig/cron)."""
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes, hours, days and months that match. A day matches by either day field where both are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first time later than `moment`, in UTC; None if there is none within five years.

        A local time that the clocks skip is left out; one that they repeat counts once.
        """
        local = moment.astimezone(zone)
        for day in range(_DAYS_AHEAD):
            for found in self._on(local.date() + timedelta(days=day), zone, 0 if day else local.hour):
                if found > moment:
                    return found
        return None

    def _on(self, day: date, zone: tzinfo, first_hour: int) -> Iterator[datetime]:
        if day.month not in self.months or not self._matches(day):
            return
        for hour in sorted(hour for hour in self.hours if hour >= first_hour):
            for minute in sorted(self.minutes):
                local = datetime.combine(day, time(hour, minute), zone)
                found = local.astimezone(UTC)
                if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield found

    def _matches(self, day: date) -> bool:
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day and by_weekday if self.any_day or self.any_weekday else by_day or by_weekday


def parse_schedule(text: str) -> Schedule:
    """Read a schedule. Raises ValueError."""
    words = _MACROS.get(text.strip().lower(), text).split()
    if len(words) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    return Schedule(
        minutes=_field(words[0], 0, 59),
        hours=_field(words[1], 0, 23),
        days=_field(words[2], 1, 31),
        months=_field(words[3], 1, 12, _MONTHS),
        weekdays=frozenset(day % 7 for day in _field(words[4], 0, 7, _WEEKDAYS)),
        any_day=words[2][0] in "*?",
        any_weekday=words[4][0] in "*?",
    )


def _field(text: str, low: int, high: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdecimal() or not int(step)):
            raise ValueError(f"failed to parse step of {part!r}")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names or {})
            last = _number(end, names or {}) if dash else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(f"{part!r} is not within {low} and {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: Mapping[str, int]) -> int:
    number = names.get(text.lower(), int(text) if text.isdecimal() else -1)
    if number < 0:
        raise ValueError(f"failed to parse number: {text!r}")
    return number
