"""Finds a shorter schedule that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from kubernaut.testing.exploration.run import Outcome
from kubernaut.testing.exploration.schedule import ANY, Injection, Schedule

__all__ = ["shrunk"]

ATTEMPTS = 200
_SIMPLER: dict[str, tuple[float | int, ...]] = {"downtime": (0.0, 1.0), "events": (1, 2), "seconds": (0.0, 5.0)}


def shrunk(outcome: Outcome, run: Callable[[Schedule], Outcome]) -> Outcome:
    """The failing run with the fewest faults and simplest options that can be reached step by step.

    Every step must violate the same invariant. Faults that never struck go first; what is bound to a call by its number
    alone is bound to its signature, which other versions of Python share.
    """
    left = ATTEMPTS
    going_on = True
    while going_on and left > 0:
        going_on = False
        for candidate in _simpler(outcome):
            if left <= 0:
                break
            left -= 1
            tried = run(candidate)
            if _same(tried, outcome):
                outcome, going_on = tried, True
                break
    return outcome


def _same(tried: Outcome, outcome: Outcome) -> bool:
    if tried.violation is None or outcome.violation is None:
        return False
    return tried.violation.invariant == outcome.violation.invariant


def _simpler(outcome: Outcome) -> Iterator[Schedule]:
    schedule, struck = outcome.schedule, outcome.struck
    injections = schedule.injections
    if any(injection not in struck for injection in injections):
        yield schedule.with_injections(injection for injection in injections if injection in struck)
    if schedule.pace is not None:
        yield replace(schedule, pace=None)
    if len(injections) > 1:
        for each in injections:
            yield schedule.with_injections((each,))
        for each in injections:
            yield schedule.with_injections(other for other in injections if other is not each)
    bound = tuple(_bound(outcome, injection) for injection in injections)
    if bound != injections:
        yield schedule.with_injections(bound)
    for number, injection in enumerate(injections):
        for name, value in injection.options:
            for simple in _SIMPLER.get(name, ()):
                if value == simple:
                    break
                changed = injection.with_option(name, simple)
                yield schedule.with_injections((*injections[:number], changed, *injections[number + 1 :]))


def _bound(outcome: Outcome, injection: Injection) -> Injection:
    call = outcome.struck.get(injection)
    return injection if injection.call != ANY or call is None else injection.at(call.what, call.nth)
