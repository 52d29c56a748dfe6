"""The phase machine by itself: what becomes of each answer, of errors, of time, and of phases that nobody knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
import structlog
from pydantic import Field

from kubernaut.client import Forbidden, ServiceUnavailable
from kubernaut.reconcile import Context, Request, Result, TerminalError
from kubernaut.remediation.machine import (
    POLL,
    SOON,
    Fail,
    Move,
    PhasedStatus,
    PhaseReconciler,
    PhaseRow,
    PhaseTable,
    Step,
    Verdict,
    Wait,
    cut,
)
from kubernaut.remediation.machine.reconciler import word
from kubernaut.remediation.machine.status import MAX_TRANSITIONS
from kubernaut.resources import Resource

Answer = Verdict | Exception


class LampStatus(PhasedStatus):
    """Its phase has a name of its own."""

    phase_field: ClassVar[str] = "light"
    light: str | None = None


class Lamp(Resource, group="test.kubernaut.io", version="v1", status_subresource=True):
    """Goes on, then out."""

    status: LampStatus = Field(default_factory=LampStatus)


@dataclass(frozen=True, slots=True)
class Look(Step[Lamp]):
    answers: dict[str, Answer]


def handler(phase: str) -> Callable[[Look], Awaitable[Verdict]]:
    async def answer(look: Look) -> Verdict:
        given = look.answers[phase]
        if isinstance(given, Exception):
            raise given
        return given

    return answer


def late(look: Look) -> Fail:
    return Fail("TooLate", "it took too long")


def table(**options: Any) -> PhaseTable[Look]:
    return PhaseTable[Look](
        {
            "dark": PhaseRow(handler("dark"), next=frozenset({"bright", "broken"}), condition="Lit", **options),
            "bright": PhaseRow(
                handler("bright"), next=frozenset({"out", "broken"}), entered="Lit", summary="it shines"
            ),
            "out": PhaseRow(handler("out"), entered="Done"),
            "broken": PhaseRow(handler("broken")),
        },
        first="dark",
        failed="broken",
    )


class World:
    """One lamp, its reconciler, a clock that stands still, and the Events."""

    def __init__(self, **options: Any) -> None:
        self.lamp = Lamp.from_dict({"metadata": {"name": "lamp", "namespace": "hall", "uid": "u1", "generation": 1}})
        self.answers: dict[str, Answer] = {phase: Wait() for phase in ("dark", "bright", "out", "broken")}
        self.time = datetime(2024, 1, 1, tzinfo=UTC)
        self.events: list[tuple[str, str, str]] = []
        world = self

        class Reconciler(PhaseReconciler[Lamp, Look]):
            table = table(**options)

            def step(self, obj: Lamp, ctx: Context) -> Look:
                return Look(obj, ctx, world.answers)

        self.reconciler = Reconciler()

    def now(self) -> datetime:
        return self.time

    def event(self, obj: Any, reason: str, message: str, type: str = "Normal", **other: Any) -> None:
        self.events.append((type, reason, message))

    async def turn(self, answer: Answer | None = None) -> Result | None:
        if answer is not None and self.status.light is not None:
            self.answers[self.status.light] = answer
        log, request = structlog.stdlib.get_logger(), Request("hall", "lamp")
        ctx: Any = Context(None, self, self, log, self, Random(0), request)  # type: ignore[arg-type]
        return await self.reconciler.reconcile(self.lamp, ctx)

    @property
    def status(self) -> LampStatus:
        return self.lamp.status

    def condition(self, name: str) -> tuple[str, str, str] | None:
        found = self.status.condition(name)
        return None if found is None else (str(found.status), found.reason or "", found.message or "")


async def test_a_new_object_enters_the_first_phase_and_nothing_is_asked() -> None:
    world = World(limit=lambda look: timedelta(minutes=1))
    assert await world.turn() == Result(requeue_after=POLL)
    assert world.status.light == "dark" and world.status.start_time == world.time
    assert world.status.deadline == world.time + timedelta(minutes=1)
    assert [(each.phase, each.time) for each in world.status.transitions] == [("dark", world.time)]
    assert world.events == [("Normal", "Dark", "dark")]
    assert world.condition("Ready") == ("False", "Dark", "")


async def test_each_phase_that_is_entered_is_a_line_of_the_log() -> None:
    world = World()
    with structlog.testing.capture_logs() as lines:
        await world.turn()
        await world.turn(Wait())
        await world.turn(Fail("Broken", "no bulb"))
    told = [(each["log_level"], each["phase"], each["reason"]) for each in lines if each["event"] == "entered a phase"]
    assert told == [("info", "dark", "Dark"), ("info", world.status.current_phase, "Broken")]


async def test_a_move_enters_the_next_phase_with_its_deadline_condition_transition_and_event() -> None:
    world = World(limit=lambda look: timedelta(minutes=1))
    await world.turn()
    await world.turn(Move("bright", "it is on"))
    assert (world.status.light, world.status.deadline) == ("bright", None)
    assert world.condition("Lit") == ("True", "Bright", "it is on")
    assert world.events[-1] == ("Normal", "Bright", "it is on")
    await world.turn(Move("out", "enough", "SwitchedOff"))
    assert world.status.completion_time == world.time
    assert world.condition("Ready") == ("True", "SwitchedOff", "enough")
    assert world.status.transitions[-1].reason == "SwitchedOff"


async def test_a_move_that_the_table_does_not_allow_is_a_mistake_of_the_program_and_changes_nothing() -> None:
    world = World()
    await world.turn()
    before = world.status.to_dict()
    with pytest.raises(TerminalError, match="phase out cannot follow dark"):
        await world.turn(Move("out"))
    assert world.status.to_dict() == before


async def test_waiting_changes_nothing_and_asks_again_at_the_deadline_at_the_latest() -> None:
    world = World(limit=lambda look: timedelta(seconds=40), expired=late)
    await world.turn()
    before = world.status.to_dict()
    assert await world.turn(Wait()) == Result(requeue_after=POLL)
    assert await world.turn(Wait(timedelta(seconds=3))) == Result(requeue_after=timedelta(seconds=3))
    assert await world.turn(Wait(timedelta(hours=1))) == Result(requeue_after=timedelta(seconds=40) + SOON)
    assert world.status.to_dict() == before


async def test_a_terminal_phase_waits_for_events_unless_it_says_when() -> None:
    world = World()
    await world.turn()
    await world.turn(Move("bright"))
    await world.turn(Move("out"))
    assert await world.turn(Wait()) is None
    assert await world.turn(Wait(SOON)) == Result(requeue_after=SOON)


async def test_a_failure_is_in_the_status_its_condition_and_an_event() -> None:
    world = World()
    await world.turn()
    await world.turn(Fail("Burnt", "the wire is gone"))
    status = world.status
    assert (status.light, status.reason, status.message) == ("broken", "Burnt", "the wire is gone")
    assert status.completion_time == world.time and status.deadline is None
    assert world.condition("Lit") == world.condition("Ready") == ("False", "Burnt", "the wire is gone")
    assert world.events[-1] == ("Warning", "Burnt", "the wire is gone")
    assert status.transitions[-1].reason == "Burnt"


async def test_a_clock_that_is_set_back_does_not_add_to_a_phases_limit() -> None:
    world = World(limit=lambda look: timedelta(seconds=40), expired=late)
    await world.turn()
    world.time -= timedelta(hours=1)
    await world.turn(Wait())
    assert world.status.deadline == world.time + timedelta(seconds=40)
    world.time += timedelta(seconds=30)
    await world.turn(Wait())
    assert world.status.deadline == world.time + timedelta(seconds=10), "looking again does not stretch it"
    world.time += timedelta(seconds=10)
    await world.turn(Wait())
    assert world.status.reason == "TooLate"


async def test_a_limit_that_cannot_be_told_leaves_the_deadline_as_it_is() -> None:
    def limit(look: Look) -> timedelta:
        if world.time < began:
            raise ValueError("the spec is no longer what it was")
        return timedelta(seconds=40)

    world = World(limit=limit, expired=late)
    began = world.time
    await world.turn()
    world.time -= timedelta(hours=1)
    await world.turn(Wait())
    assert world.status.deadline == began + timedelta(seconds=40)


async def test_past_the_deadline_it_expires_and_the_handler_is_not_asked() -> None:
    world = World(limit=lambda look: timedelta(seconds=40), expired=late)
    await world.turn()
    world.time += timedelta(seconds=40)
    await world.turn(AssertionError("asked"))
    assert world.status.reason == "TooLate"


@pytest.mark.parametrize(
    ("answer", "phase"), [(Move("bright"), "bright"), (Wait(), "broken"), (ServiceUnavailable({}), "broken")]
)
async def test_one_that_looks_late_gets_a_last_answer_and_only_then_expires(answer: Answer, phase: str) -> None:
    world = World(limit=lambda look: timedelta(seconds=40), expired=late, late=True)
    await world.turn()
    world.time += timedelta(seconds=41)
    await world.turn(answer)
    assert world.status.light == phase
    assert world.status.reason == ("TooLate" if phase == "broken" else None)
    if isinstance(answer, Exception):
        assert "(last error: ServiceUnavailable" in (world.status.message or "")


async def test_errors_that_pass_are_raised_to_be_tried_again_and_others_are_failures() -> None:
    world = World()
    await world.turn()
    with pytest.raises(ServiceUnavailable):
        await world.turn(ServiceUnavailable({"code": 503}))
    assert world.status.light == "dark"
    await world.turn(Forbidden({"code": 403, "reason": "Forbidden", "message": "no"}))
    assert (world.status.reason, world.status.message) == ("ApiRefused", "the API server refused: Forbidden (403): no")

    other = World()
    await other.turn()
    await other.turn(ZeroDivisionError("1/0"))
    assert (other.status.reason, other.status.message) == ("InternalError", "ZeroDivisionError: 1/0")


async def test_a_patient_phase_tries_again_after_every_error() -> None:
    world = World(patient=lambda look: True)
    await world.turn()
    with pytest.raises(Forbidden):
        await world.turn(Forbidden({"code": 403}))
    assert world.status.light == "dark"


async def test_past_its_deadline_a_patient_phase_fails_with_an_error_that_may_last() -> None:
    world = World(limit=lambda look: timedelta(seconds=40), patient=lambda look: True)
    await world.turn()
    with pytest.raises(ZeroDivisionError):
        await world.turn(ZeroDivisionError("1/0"))
    world.time += timedelta(seconds=40)
    for passing in (ServiceUnavailable({"code": 503}), ExceptionGroup("both", [ServiceUnavailable({"code": 503})])):
        with pytest.raises(type(passing)):
            await world.turn(passing)
    assert world.status.light == "dark"
    await world.turn(ZeroDivisionError("1/0"))
    assert (world.status.light, world.status.reason) == ("broken", "InternalError")


async def test_of_a_group_of_errors_the_first_that_does_not_pass_is_told() -> None:
    inner = ExceptionGroup("inner", [Forbidden({"code": 403, "reason": "Forbidden", "message": "no"})])
    world = World()
    await world.turn()
    await world.turn(ExceptionGroup("outer", [ServiceUnavailable({"code": 503}), inner, ZeroDivisionError("1/0")]))
    assert (world.status.reason, world.status.message) == ("ApiRefused", "the API server refused: Forbidden (403): no")

    other = World(limit=lambda look: timedelta(seconds=40), expired=late, late=True)
    await other.turn()
    other.time += timedelta(seconds=41)
    await other.turn(ExceptionGroup("all", [ZeroDivisionError("1/0")]))
    assert (other.status.reason, other.status.message) == ("TooLate", "it took too long (last error: 1/0)")


async def test_a_phase_that_is_known_again_is_not_told_as_unknown() -> None:
    world = World()
    await world.turn()
    world.status.light = "twilight"
    await world.turn()
    assert world.status.is_true("UnknownPhase")
    world.status.light = "dark"
    await world.turn(Wait())
    assert world.status.condition("UnknownPhase") is None


async def test_a_phase_that_the_table_does_not_know_is_a_condition_told_once() -> None:
    world = World()
    await world.turn()
    world.status.light = "twilight"
    world.answers["twilight"] = AssertionError("asked")
    assert await world.turn() is None and await world.turn() is None
    assert world.status.light == "twilight" and world.status.is_true("UnknownPhase")
    assert [reason for _, reason, _ in world.events].count("UnknownPhase") == 1


async def test_what_is_written_is_bounded() -> None:
    world = World()
    await world.turn()
    await world.turn(Fail("Burnt", "x" * 10_000))
    assert len((world.status.message or "").encode()) <= 4096
    look = world.reconciler.step(world.lamp, Context(None, world, world, None, world, Random(0), None))  # type: ignore[arg-type]
    for number in range(100):
        look.record(f"phase-{number}", message="y" * 5000)
    assert len(world.status.transitions) == MAX_TRANSITIONS
    assert world.status.transitions[-1].phase == "phase-99" and world.status.transitions[0].phase == "dark"
    assert len(world.status.transitions[-1].message or "") == 1024
    assert cut("ä" * 10, 9) == "äää…" and cut("short") == "short"
    assert cut("\ud800") == "?", "what UTF-8 cannot say"


def test_a_table_that_cannot_work_is_refused() -> None:
    row = PhaseRow(handler("dark"))
    with pytest.raises(ValueError, match="phase 'b' follows another and has no row"):
        PhaseTable({"a": PhaseRow(handler("a"), next=frozenset({"b"}))}, first="a", failed="a")
    with pytest.raises(ValueError, match="phase 'b' is never reached"):
        PhaseTable({"a": row, "b": row}, first="a", failed="a")
    with pytest.raises(ValueError, match="phase 'a' expires, and 'c' cannot follow it"):
        PhaseTable(
            {"a": PhaseRow(handler("a"), next=frozenset({"b"}), expired=late), "b": row, "c": row},
            first="a",
            failed="c",
        )


def test_a_table_draws_itself() -> None:
    assert table().terminal == ("out", "broken")
    assert table().diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> dark",
        "    dark --> bright",
        "    dark --> broken",
        "    bright: bright - it shines",
        "    bright --> out",
        "    bright --> broken",
        "    out --> [*]",
        "    broken --> [*]",
    ]
    assert word("rolling_back") == "RollingBack"
