"""The boundary at which the operator meets the world: where its calls are counted and faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

from kubernaut.testing.exploration.faults import Fault
from kubernaut.testing.exploration.generations import Generation
from kubernaut.testing.exploration.schedule import ANY, Injection, Schedule
from kubernaut.testing.exploration.trace import Trace
from kubernaut.testing.exploration.words import in_words

__all__ = ["Boundary", "CallRecord", "Sent", "Strike", "TooManyCalls"]

A = TypeVar("A")
LONGEST_WAY = 0.02
"""Seconds that a call takes on its way there, and back, at most, when a pace is set."""
PATIENCE = 30.0
"""Seconds until a call without a timeout of its own is given up."""


class TooManyCalls(Exception):
    """The operator has made more calls than a run may have."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of the operator: its number among all, its signature, its number among those of this signature."""

    number: int
    what: str
    nth: int
    text: str
    generation: int
    at: float
    write: bool

    @property
    def led(self) -> bool:
        """Whether only a leader makes it: a write to the API server."""
        return self.write and " " in self.what


class Strike(Protocol):
    """Does what a fault is, to the world; what the fault does to the call itself is the boundary's business."""

    def __call__(self, injection: Injection, call: CallRecord) -> bool:
        """Returns False where there was nothing to strike."""
        ...


class Sent(Protocol[A]):
    """One call of the operator on its way: what it does, and how it may fail."""

    async def send(self) -> A:
        """Let it take effect."""
        ...

    def came(self, answer: A) -> str:
        """What came of it, for the timeline."""
        ...

    def tell(self) -> None:
        """Called when that is noted."""
        ...

    def refused(self, code: int) -> A:
        """The answer to a call that is refused, or raises it."""
        ...

    def late(self) -> Exception:
        """What no answer in time looks like."""
        ...

    def fenced(self) -> Exception:
        """What a write of one that does not lead looks like: it is not sent."""
        ...


@dataclass
class Boundary:
    """Counts the calls of one run and lets the faults of its schedule strike them, each once."""

    schedule: Schedule
    trace: Trace
    strike: Strike
    limit: int
    on_limit: Callable[[], None]
    calls: list[CallRecord] = field(default_factory=list)
    struck: dict[Injection, CallRecord | None] = field(default_factory=dict)
    """What struck, and at which call."""
    closed: bool = False
    """No fault strikes any more."""

    def __post_init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._due: dict[tuple[str, int], list[Injection]] = {}
        for injection in self.schedule.injections:
            self._due.setdefault((injection.call, injection.nth), []).append(injection)
        self._random = None if self.schedule.pace is None else Random(f"pace/{self.schedule.pace}")

    async def call(
        self, generation: Generation, what: str, text: str, sent: Sent[A], *, write: bool, timeout: float | None
    ) -> A:
        """One call of the operator, which may take effect or not, and return or not."""
        generation.calls += 1
        try:
            if generation.dead:
                await generation.hang()
            await self._way()
            if generation.dead:
                await generation.hang()
            if generation.deposed and write:
                self.trace.add(generation.name, f"{text} -> is not sent: it does not lead")
                raise sent.fenced()
            record = self._begin(generation, what, text, write)
            due = self._take(what, record)
            if due:
                return await self._struck(generation, record, sent, due, timeout)
            answer = await sent.send()
            self.trace.add(generation.name, f"{text} -> {sent.came(answer)}")
            sent.tell()
            await self._way()
            if generation.dead:
                await generation.hang()
            return answer
        finally:
            generation.calls -= 1

    async def _struck(
        self, generation: Generation, record: CallRecord, sent: Sent[A], due: list[Injection], timeout: float | None
    ) -> A:
        """The same for a call at which faults strike."""
        for injection in (each for each in due if not each.after):
            if (refused := await self._meet(generation, record, injection, sent, timeout)) is not None:
                return refused
        answer = await sent.send()
        self.trace.add(generation.name, f"{record.text} -> {sent.came(answer)}")
        sent.tell()
        for injection in (each for each in due if each.after):
            if (refused := await self._meet(generation, record, injection, sent, timeout)) is not None:
                return refused
        await self._way()
        if generation.dead:
            await generation.hang()
        return answer

    async def _meet(
        self, generation: Generation, record: CallRecord, injection: Injection, sent: Sent[A], timeout: float | None
    ) -> A | None:
        """Let one fault strike; an answer that stands in for the server's, or None to go on."""
        shown = in_words(injection, "after" if injection.after else "before", record.text)
        if injection.fault == Fault.ERROR:
            self._note(injection, record, shown)
            return sent.refused(int(injection.number("code")))
        if injection.fault == Fault.TIMEOUT:
            self._note(injection, record, shown)
            await asyncio.sleep(PATIENCE if timeout is None else timeout)
            if generation.dead:
                await generation.hang()
            raise sent.late()
        if injection.fault == Fault.DEPOSED and not record.led:
            return None
        mark = len(self.trace.entries)
        if self.strike(injection, record):
            self._note(injection, record, shown, mark)
            if injection.fault == Fault.DEPOSED:
                await asyncio.sleep(injection.number("seconds"))
        if generation.dead:
            await generation.hang()
        return None

    def _note(self, injection: Injection, record: CallRecord, shown: str, at: int | None = None) -> None:
        self.struck[injection] = record
        self.trace.add("FAULT", shown, "fault")
        if at is not None:  # the fault comes before what it led to at once
            self.trace.entries.insert(at, self.trace.entries.pop())

    def _begin(self, generation: Generation, what: str, text: str, write: bool) -> CallRecord:
        nth = self._counts[what] = self._counts.get(what, 0) + 1
        now = asyncio.get_running_loop().time()
        record = CallRecord(len(self.calls) + 1, what, nth, text, generation.number, now, write)
        self.calls.append(record)
        if record.number > self.limit:
            self.on_limit()
        return record

    def _take(self, what: str, record: CallRecord) -> list[Injection]:
        if self.closed or not self._due:
            return []
        return [*self._due.pop((ANY, record.number), ()), *self._due.pop((what, record.nth), ())]

    async def _way(self) -> None:
        """The way there or back: one turn of the loop, or a time by the pace, which orders calls in flight."""
        await asyncio.sleep(0 if self._random is None else self._random.uniform(0, LONGEST_WAY))
