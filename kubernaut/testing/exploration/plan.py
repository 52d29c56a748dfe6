"""Which schedules are run: each single fault at each call of the undisturbed run first, then several by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from random import Random

from kubernaut.resources import ResourceType
from kubernaut.testing.exploration.calls import CallRecord
from kubernaut.testing.exploration.faults import PEOPLE, WATCHES, Fault
from kubernaut.testing.exploration.run import OWN, Existing, Outcome
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.schedule import ANY, Injection, Schedule
from kubernaut.testing.exploration.site import EVENTS
from kubernaut.testing.exploration.words import named

__all__ = ["Plan"]

DOWNTIME = 30.0
CODES = (409, 429, 500, 503)
READ_CODES = (429, 500, 503)
STALE_EVENTS = (1, 3)
SLOW = 60.0
_STREAMS = ("watch",)
_EVENTS = "events.events.k8s.io"


class Plan:
    """The schedules of a scenario, by number: the same number is always the same schedule.

    Numbers from 0 are the undisturbed run and the systematic ones, numbers from `systematic` on are seeds.
    """

    def __init__(self, scenario: Scenario, undisturbed: Outcome) -> None:
        self._scenario = scenario
        self._calls = undisturbed.calls
        self._kept = [store(kind.resource_type) for kind in scenario.kept]
        seen = _seen(undisturbed.calls)
        self._existing = [each for each in undisturbed.existing if each.what != EVENTS and (each.since or seen(each))]
        self._watched = list(
            dict.fromkeys(c.what.partition(" ")[2] for c in self._calls if c.what.startswith("watch "))
        )
        menus = [self._singles(fault) for fault in Fault if fault in scenario.faults]
        crashes = list(self._crashes(0.0)) if Fault.CRASH in scenario.faults else []
        turns = (each for turn in zip_longest(*menus) for each in turn if each is not None)
        singles = dict.fromkeys([*crashes, *turns])
        self._singles_list = [Schedule(), *(Schedule((injection,)) for injection in singles)]

    @property
    def systematic(self) -> int:
        """How many schedules with at most one fault there are."""
        return len(self._singles_list)

    def schedule(self, number: int) -> Schedule:
        """The schedule of a number from 0."""
        if number < len(self._singles_list):
            return self._singles_list[number]
        return self._random(number)

    def _random(self, seed: int) -> Schedule:
        random = Random(f"{self._scenario.name}/{seed}")
        pace = seed if random.random() < 0.7 else None
        menus = [fault for fault in Fault if fault in self._scenario.faults]
        injections: list[Injection] = []
        for _ in range(random.choice((1, 2, 2, 3, 4)) if menus else 0):
            # Faults come in a burst as often as far apart: what recovers from one is where the next one hurts.
            injection = self._drawn(random, random.choice(menus), injections)
            if injection is not None and injection not in injections:
                injections.append(injection)
        return Schedule(tuple(injections), pace)

    def _drawn(self, random: Random, fault: Fault, before: Sequence[Injection]) -> Injection | None:
        last = before[-1].nth if before and random.random() < 0.5 else 0
        number = last + random.randint(1, 8) if last else random.randint(1, max(1, int(len(self._calls) * 1.3)))
        after = random.random() < 0.5
        if fault is Fault.CRASH:
            downtime = random.choice((0.0, 0.0, 1.0, DOWNTIME))
            return Injection.of(fault, ANY, number, after=after, downtime=downtime)
        if fault is Fault.ERROR:
            return Injection.of(fault, ANY, number, code=random.choice(CODES))
        if fault is Fault.DEPOSED:
            late = self._scenario.lateness
            return Injection.of(fault, ANY, number, seconds=random.choice(list(late))) if late else None
        if fault is Fault.CLOCK:
            jumps = self._scenario.clock_jumps
            return Injection.of(fault, ANY, number, after=after, seconds=random.choice(list(jumps))) if jumps else None
        if fault is Fault.SLOW:
            return Injection.of(fault, ANY, number, after=after, seconds=random.choice((5.0, SLOW, 300.0)))
        if fault in WATCHES:
            if not self._watched:
                return None
            resource, events = random.choice(self._watched), random.choice((1, 1, 2, 4, 8))
            return Injection.of(fault, ANY, number, after=after, resource=resource, events=events)
        if fault in PEOPLE:
            return self._person(random, fault, number, after)
        return Injection.of(fault, ANY, number, after=after)

    def _person(self, random: Random, fault: Fault, number: int, after: bool) -> Injection | None:
        choices = [
            (each, option)
            for each in self._existing
            if not self._spared(fault, each)
            for option in self._does(fault, each)
        ]
        if not choices:
            return None
        existing, option = random.choice(choices)
        number = max(number, existing.since)
        return _by_person(fault, existing, option, ANY, max(1, number), after)

    def _singles(self, fault: Fault) -> Iterator[Injection]:
        """One fault of the kind, at each call at which it makes sense."""
        if fault is Fault.CRASH:
            yield from self._crashes(DOWNTIME)
        elif fault in PEOPLE:
            for call in self._calls:
                yield from self._people(fault, call)
        else:
            for call in self._calls:
                yield from self._at(fault, call)

    def _crashes(self, downtime: float) -> Iterator[Injection]:
        for call in self._calls:
            for after in (False, True):
                if call.write or not after:  # after a read nothing is different from before the next call
                    yield Injection.of(Fault.CRASH, call.what, call.nth, after=after, downtime=downtime)

    def _at(self, fault: Fault, call: CallRecord) -> Iterator[Injection]:
        if fault is Fault.ERROR:
            for code in CODES if call.write else READ_CODES:
                yield Injection.of(fault, call.what, call.nth, code=code)
        elif fault is Fault.TIMEOUT:
            yield Injection.of(fault, call.what, call.nth)
            if call.write:
                yield Injection.of(fault, call.what, call.nth, after=True)
        elif fault is Fault.HANDOVER:
            yield Injection.of(fault, call.what, call.nth, after=call.write)
        elif fault is Fault.DEPOSED:
            for seconds in self._scenario.lateness if call.led else ():
                yield Injection.of(fault, call.what, call.nth, seconds=seconds)
        elif fault is Fault.CLOCK:
            for seconds in self._scenario.clock_jumps:
                yield Injection.of(fault, call.what, call.nth, after=call.write, seconds=seconds)
        elif fault is Fault.SLOW:
            if call is self._calls[0]:
                yield Injection.of(fault, call.what, call.nth, seconds=SLOW)
        else:
            yield from self._of_watches(fault, call)

    def _of_watches(self, fault: Fault, call: CallRecord) -> Iterator[Injection]:
        opened = [c.what.partition(" ")[2] for c in self._calls[: call.number - 1] if c.what.startswith(_STREAMS)]
        for resource in dict.fromkeys(opened):
            for events in STALE_EVENTS if fault is Fault.STALE else (1,):
                yield Injection.of(fault, call.what, call.nth, resource=resource, events=events)

    def _people(self, fault: Fault, call: CallRecord) -> Iterator[Injection]:
        for existing in self._existing:
            if self._spared(fault, existing) or existing.since >= call.number:
                continue
            if call.write or call.number == existing.since + 1:
                for option in self._does(fault, existing):
                    yield _by_person(fault, existing, option, call.what, call.nth, False)

    def _spared(self, fault: Fault, existing: Existing) -> bool:
        return fault is Fault.DELETE and existing.maker == OWN and existing.what in self._kept

    def _does(self, fault: Fault, existing: Existing) -> Iterator[int]:
        """What a person may do to an object: the numbers of edits; 0 for what needs none."""
        if fault is not Fault.EDIT:
            yield 0
            return
        for number, edit in enumerate(self._scenario.edits):
            its_name = edit.name in (None, existing.name.rpartition("/")[2])
            if its_name and existing.what == store(edit.kind.resource_type):
                yield number


def store(kind: ResourceType) -> str:
    """What the storage calls a kind."""
    return f"{kind.group}/{kind.plural}" if kind.group else kind.plural


def _seen(calls: Sequence[CallRecord]) -> Callable[[Existing], bool]:
    """Whether the operator asks for an object by its name, or for all of its kind."""
    asked = dict.fromkeys(call.text.partition(" ")[2] for call in calls)

    def seen(existing: Existing) -> bool:
        name = named(existing.path)
        kind = name.partition(" ")[0]
        within = existing.name.rpartition("/")[0]
        return any(words in asked for words in (name, kind, f"{kind} {within}"))

    return seen


def _by_person(fault: Fault, existing: Existing, option: int, call: str, nth: int, after: bool) -> Injection:
    if fault is Fault.EDIT:
        return Injection.of(fault, call, nth, after=after, path=existing.path, edit=option)
    return Injection.of(fault, call, nth, after=after, path=existing.path)
