"""One run of a scenario under one schedule: from the prepared server to the verdict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kubernaut.client import ApiError, Client
from kubernaut.testing.exploration.calls import Boundary, CallRecord
from kubernaut.testing.exploration.changes import Changes
from kubernaut.testing.exploration.faults import PEOPLE
from kubernaut.testing.exploration.generations import Generation, end_others, task_factory
from kubernaut.testing.exploration.link import Link, PersonLink
from kubernaut.testing.exploration.loop import run_exploring
from kubernaut.testing.exploration.normal import EndState, end_state
from kubernaut.testing.exploration.operator import Operator
from kubernaut.testing.exploration.outside import Outside
from kubernaut.testing.exploration.plane import run_control_plane
from kubernaut.testing.exploration.prepared import Prepared
from kubernaut.testing.exploration.schedule import END, START, Injection, Schedule
from kubernaut.testing.exploration.site import Site
from kubernaut.testing.exploration.stage import SiteStage
from kubernaut.testing.exploration.strikes import Strikes
from kubernaut.testing.exploration.trace import Trace
from kubernaut.testing.exploration.verdicts import Violation, Watcher
from kubernaut.testing.exploration.view import View
from kubernaut.testing.exploration.world import World, rest
from kubernaut.testing.virtualtime import NeverAtRest, NothingLeftToDo

__all__ = ["OWN", "Existing", "Outcome", "execute", "quiet"]

Checked = Callable[[EndState], bool]
CALL_LIMIT = 3000
OWN = "scenario"
"""Who made the objects that were there from the start."""
BY_PEOPLE = ("person", "garbage-collector")
IDEMPOTENCE_QUIET = 5.0


@dataclass(frozen=True, slots=True)
class Existing:
    """An object that was there at some time of a run: from which call on, and who made it."""

    path: str
    what: str
    name: str
    maker: str
    since: int


@dataclass
class Outcome:
    """What one run came to. `violation` None: nothing is wrong, as far as the run alone can tell."""

    schedule: Schedule
    trace: Trace
    violation: Violation | None = None
    end: EndState | None = None
    calls: list[CallRecord] = field(default_factory=list)
    struck: Mapping[Injection, CallRecord | None] = field(default_factory=dict)
    existing: list[Existing] = field(default_factory=list)
    allowed: bool = False
    """The scenario itself says that this end state is right."""
    steps_done_at: int = 0
    """The number of calls that were made when the steps were done."""


class _Run:
    """Everything that is made for one run and gone after it."""

    def __init__(self, prepared: Prepared, schedule: Schedule, *, limit: int, checked: Checked) -> None:
        scenario = self.scenario = prepared.scenario
        self.trace = Trace()
        server, snapshot = prepared.ready()
        self.site = Site(server, snapshot, self.trace, prepared.answers)
        self.outside = Outside(scenario.outside() if scenario.outside is not None else {}, self.trace)
        self.view = View(server, self.outside, prepared.decoded)
        self.client = Client(PersonLink(self.site), field_manager="person", user_agent="person")
        self.world = World(self.site, self.client, self.outside, self.view)
        self.stage = SiteStage(self.site)
        self.over = asyncio.Event()
        self.watcher = Watcher(scenario, self.view, self.trace, self.over)
        self.operator = Operator(
            scenario.name, lambda: scenario.made(self.world), self._link, self._failed, self.trace.add
        )
        self.strikes = Strikes(scenario, self.site, self.operator, self.stage)
        limit_hit = f"the operator made more than {limit} calls"
        self.boundary = Boundary(
            schedule, self.trace, self.strikes, limit, lambda: self.watcher.violated("no storm", limit_hit)
        )
        self.outside.behind(self.boundary)
        self.outside.on_done(self.watcher.happened_outside)
        self.outcome = Outcome(schedule, self.trace, calls=self.boundary.calls, struck=self.boundary.struck)
        self.outcome.existing += self._own(prepared)
        self._checked = checked

    def _own(self, prepared: Prepared) -> Iterator[Existing]:
        for reference in prepared.own:
            info, path = self.site.info_of(reference), self.site.path_of(reference)
            if info is not None and path is not None:
                metadata = reference["metadata"]
                where = "/".join(metadata[key] for key in ("namespace", "name") if key in metadata)
                yield Existing(path, info.store, where, OWN, 0)

    def _link(self, generation: Generation) -> Link:
        return Link(self.site, self.boundary, generation)

    def _failed(self, text: str) -> None:
        self.watcher.violated("the manager keeps running", text)

    async def run(self) -> None:
        """The whole run; its tasks have ended when it returns."""
        loop = asyncio.get_running_loop()
        self.site.subscribe(self._note_objects)
        self.site.subscribe(self.watcher.changed)
        if not isinstance(self.scenario.controlplane, bool):
            for simulated in self.scenario.controlplane:
                simulated.start(self.stage)
        plane = [loop.create_task(run_control_plane(self.site))] if self.scenario.controlplane is True else []
        for injection in self.boundary.schedule.injections:
            if injection.call == START:
                self.strikes.unbound(injection)
        life = loop.create_task(self.operator.run(), name="operator")
        story = loop.create_task(self._story(), name="story")
        over = loop.create_task(self.over.wait(), name="over")
        try:
            await asyncio.wait((life, story, over), return_when=asyncio.FIRST_COMPLETED)
            for task in (story, life):
                if task.done():
                    task.result()
        finally:
            self.trace.closed = True
            self.stage.close()
            self.operator.die()
            for each in (story, over, life, *plane):
                each.cancel()
                await asyncio.wait((each,))
            await self.operator.bury()
            await end_others()

    async def _story(self) -> None:
        await self._steps()
        self.outcome.steps_done_at = len(self.boundary.calls)
        await self._at_rest()
        for injection in self.boundary.schedule.injections:
            if injection.call == END:
                self.strikes.unbound(injection)
                await self._at_rest()
        self.boundary.closed = True
        await self._no_storm()
        self.watcher.at_end()
        if (lost := self.strikes.lost_touch()) is not None:
            self.watcher.violated("people's changes stay", lost)
        self.outcome.end = end_state(self.scenario, self.site, self.outside)
        self.outcome.allowed = self.scenario.allowed is not None and self.scenario.allowed(self.view)
        if self.watcher.violation is None and not self._checked(self.outcome.end):
            await self._again()
        self.over.set()

    async def _steps(self) -> None:
        try:
            await self.scenario.steps(self.world)
        except ApiError as error:
            if not any(injection.fault in PEOPLE for injection in self.boundary.struck):
                raise
            self.world.say(f"the steps end here: {error}")

    async def _at_rest(self) -> None:
        """Wait until nothing is written, nothing is on its way, and nothing is to come by itself."""
        patience = self.scenario.patience.total_seconds()
        quiet = self.scenario.settle.total_seconds()
        while not await rest(self.site, quiet, patience) or self._something_to_come():
            if not self._something_to_come():
                self.watcher.violated("comes to rest", f"something was still written after {patience:g} s")
                await asyncio.get_running_loop().create_future()  # until the run is ended
            await asyncio.sleep(quiet)

    def _something_to_come(self) -> bool:
        operator = self.operator
        return (
            not operator.up
            or operator.lingering
            or operator.generation.calls > 0
            or self.stage.busy_until > asyncio.get_running_loop().time()
        )

    async def _no_storm(self) -> None:
        """Look at the world at rest for a while: calls that do nothing are allowed, but not many."""
        settle, patience = self.scenario.settle.total_seconds(), self.scenario.patience.total_seconds()
        limit = asyncio.get_running_loop().time() + patience
        while True:
            before, changed = len(self.boundary.calls), self.site.last_change
            await asyncio.sleep(settle)
            if self.site.last_change == changed:
                break
            if asyncio.get_running_loop().time() > limit:
                self.watcher.violated("comes to rest", f"something was written again and again for {patience:g} s")
                return
            await self._at_rest()  # it was not over
        asked = len(self.boundary.calls) - before
        if asked > self.scenario.storm:
            told = f"{asked} calls in {settle:g} s at rest; at most {self.scenario.storm} are right"
            self.watcher.violated("no storm", told)

    async def _again(self) -> None:
        """A second reconcile of everything: another manager, which knows nothing."""
        self.outcome.calls = list(self.boundary.calls)  # what follows is no part of the run
        entries, self.trace.entries = self.trace.entries, []
        changes = Changes()
        self.site.subscribe(changes.changed)
        self.operator.hand_over()
        await asyncio.sleep(IDEMPOTENCE_QUIET)
        await rest(self.site, IDEMPOTENCE_QUIET, self.scenario.patience.total_seconds())
        again, self.trace.entries = self.trace.entries, entries
        if changes.written:
            self.trace.entries = [*entries, *again]
            told = f"a new manager wrote {len(changes.written)} times though the world was at rest"
            self.watcher.violated("idempotence", told, changes.told())

    def _note_objects(self, kind: str, event: Any, actor: str) -> None:
        obj = event.object
        if actor in BY_PEOPLE and (event.type == "DELETED" or b'"deletionTimestamp"' in obj.data):
            self.view.deleted_by_people[obj.uid] = None
        if event.type != "ADDED":
            return
        path = self.site.path_of(obj.decode())
        if path is not None:
            where = f"{obj.namespace}/{obj.name}" if obj.namespace else obj.name
            since = len(self.boundary.calls)
            maker = actor.split("/")[0]
            self.outcome.existing.append(Existing(path, kind, where, maker, since))
            if maker != "person":
                self.strikes.made_by_operator[path] = None


def _never(end: EndState) -> bool:
    return False


def execute(
    prepared: Prepared,
    schedule: Schedule,
    *,
    limit: int = CALL_LIMIT,
    checked: Checked = _never,
) -> Outcome:
    """Run once. `limit`: how many calls the operator may make; `checked`: of which end states it is known that a new
    manager writes nothing.

    Raises what the scenario's own steps and checks raise, beside AssertionErrors of checks.
    """
    runs: list[_Run] = []

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(task_factory)
        run = _Run(prepared, schedule, limit=limit, checked=checked)
        runs.append(run)
        with run.site.open():
            await run.run()

    with quiet():
        try:
            run_exploring(main)
        except (NeverAtRest, NothingLeftToDo) as error:
            runs[0].watcher.violated("comes to rest", str(error))
    outcome = runs[0].outcome
    outcome.violation = runs[0].watcher.violation
    return outcome


@contextmanager
def quiet() -> Iterator[None]:
    """Injected faults are no news: nothing is logged within it. It costs nothing within another one."""
    log, silent = logging.getLogger("kubernaut"), logging.CRITICAL + 1
    before = log.level
    if before != silent:
        log.setLevel(silent)
    try:
        yield
    finally:
        if before != silent:
            log.setLevel(before)
