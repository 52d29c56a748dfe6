"""explore: what is injected, what is found, how it is shrunk and told, and that the same number is the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from kubernaut.client import Conflict
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.exploration import (
    ALL_FAULTS,
    Edit,
    ExplorationFailed,
    Fault,
    Injection,
    Scenario,
    Schedule,
    Unusable,
    View,
    World,
    always,
    at_most_once,
    at_most_once_outside,
    eventually,
    explore,
    on_change,
    replay,
)
from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.normal import EndState
from kubernaut.testing.exploration.plan import Plan
from tests.testing.exploration.world import Website, Websites, careless, publish, website

STATUS = "update websites.example.dev/status"
APPLY = "apply configmaps"
CREATE = "create configmaps"


def outcome_of(scenario: Scenario, *injections: Injection, pace: int | None = None):  # type: ignore[no-untyped-def]
    return Judge(scenario).run(Schedule(injections, pace))


def with_reconciler(reconciler: Reconciler[Website]) -> Scenario:
    return replace(website, controllers=lambda: [Controller(Website, reconciler, owns=[ConfigMap])])


def with_reconciler_made(make: Callable[[], Reconciler[Website]]) -> Scenario:
    return replace(website, controllers=lambda: [Controller(Website, make())])


# What is found, and how it is told.


def test_a_crash_between_create_and_record_is_found_shrunk_and_told() -> None:
    report = explore(careless, runs=100)

    (failure,) = report.failures
    (injection,) = failure.schedule.injections
    assert (injection.fault, injection.call, injection.after) == ("crash", CREATE, True)
    assert failure.violation.invariant == "end state"
    story = failure.story()
    assert ">>" in story and "ConfigMap default/shop-<generated> (2) should not be there" in story
    assert f"--replay {failure.seed}" in story
    with pytest.raises(ExplorationFailed, match=r"seed \d+"):
        report.check()


def test_the_number_of_a_failure_gives_it_again_and_so_does_its_schedule_as_json() -> None:
    failure = explore(careless, runs=100).failures[0]
    assert failure.seed is not None
    again = replay(careless, failure.seed).failures[0]
    assert again.timeline == failure.timeline and again.violation == failure.violation

    written = json.loads(json.dumps(failure.to_dict()))
    third = replay(careless, Schedule.from_dict(written["schedule"])).failures[0]
    assert third.violation == failure.violation


def test_a_right_operator_passes_every_single_fault_and_random_ones() -> None:
    report = explore(website, runs=250)

    report.check()
    assert report.systematic < 250 == report.runs
    assert not report.coverage.never_crashed
    missing = [fault for fault in Fault if not report.coverage.faults[fault] and fault is not Fault.EDIT]
    assert not missing


def test_a_failing_random_run_is_shrunk_to_the_fault_that_matters() -> None:
    scenario = replace(careless, faults=ALL_FAULTS - {Fault.DELETE})
    number = Plan(scenario, Judge(scenario).undisturbed).systematic
    failure = explore(scenario, runs=200, seed=number).failures[0]

    assert len(failure.schedule.injections) == 1
    assert failure.schedule.injections[0].call in (CREATE, STATUS) and failure.schedule.pace is None


def test_several_processes_find_what_one_finds() -> None:
    one, two = explore(careless, runs=60), explore(careless, runs=60, workers=2)
    assert [failure.seed for failure in one.failures] == [failure.seed for failure in two.failures]
    fine = explore(website, runs=40, workers=0)  # one for each core
    assert fine.runs == 40 and not fine.failed and fine.coverage.faults[Fault.CRASH]


def test_time_that_is_over_ends_an_exploration() -> None:
    assert explore(website, runs=100_000, limit=timedelta(seconds=0.2)).runs < 1000


# Invariants.


def test_what_must_hold_always_and_eventually_and_at_each_change() -> None:
    def no_page(view: View) -> bool:
        return not view.all(ConfigMap, "default")

    def a_status(view: View) -> str | None:
        return None if view.get(Website, "other", "default") else "there is no other website"

    def stays_empty(before: Website | None, after: Website | None) -> None:
        assert after is not None and not after.status.page, "it got a page"

    for invariant, told in (
        (always(no_page, kinds=[ConfigMap]), "no page: it does not hold"),
        (eventually(a_status), "a status: there is no other website"),
        (on_change(Website, stays_empty), "stays empty: it got a page"),
    ):
        with pytest.raises(Unusable, match=told):
            explore(replace(website, invariants=[invariant]), runs=1)


def test_at_most_one_object_is_created_for_each_key() -> None:
    report = explore(replace(careless, invariants=[at_most_once(ConfigMap, by="data.title")]), runs=100)
    assert "ConfigMap" in report.failures[0].violation.message


def test_an_operator_that_never_rests_is_a_storm() -> None:
    class Hot(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> Result:
            await ctx.client.get(Website, obj.name, namespace=obj.namespace)
            return Result(requeue_after=timedelta(milliseconds=100))

    with pytest.raises(Unusable, match="no storm"):
        explore(with_reconciler(Hot()), runs=1)


def test_an_operator_that_writes_for_ever_does_not_come_to_rest() -> None:
    class Clockwork(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> Result:
            obj.status.page = ctx.clock.now().isoformat()
            return Result(requeue_after=timedelta(seconds=20))

    with pytest.raises(Unusable, match="comes to rest"):
        explore(with_reconciler(Clockwork()), runs=1)


def test_a_new_manager_must_find_nothing_to_do() -> None:
    class Memory(Websites):
        """Wrong: writes once in each life."""

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            obj.status.page = f"{id(self)}-{ctx.client is None}"

    report = explore(replace(website, controllers=lambda: [Controller(Website, Memory())]), runs=20)
    (failure,) = report.failures
    assert report.runs == 1 and failure.seed == 0  # the undisturbed run is enough
    assert failure.violation.invariant == "idempotence"
    story = failure.story()
    assert "what was written:" in story and "Website default/shop was changed:" in story
    assert "-  page: " in story and "+  page: " in story


def test_what_is_written_at_rest_is_told_though_it_changes_nothing_that_is_compared() -> None:
    class Renames(Websites):
        """Wrong: makes an object of a name of its own in each life."""

        def __init__(self) -> None:
            self.made = False

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            if not self.made:
                await ctx.client.create(ConfigMap(metadata=ObjectMeta(generate_name="life-", namespace="default")))
            self.made = True

    failure = explore(with_reconciler_made(Renames), runs=1).failures[0]
    assert failure.violation.message == "a new manager wrote 1 times though the world was at rest"
    assert "was created:\n  + apiVersion: v1" in failure.story()


def test_what_a_person_wrote_must_stay() -> None:
    class Overwrites(Websites):
        """Wrong: writes the whole object back as it knows it."""

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            fresh = await ctx.client.get(Website, obj.name, namespace=obj.namespace)
            if "stamped" not in fresh.metadata.annotations:
                obj.metadata.annotations["stamped"] = "yes"
                obj.metadata.resource_version = fresh.metadata.resource_version
                await ctx.client.update(obj)

    scenario = replace(with_reconciler(Overwrites()), faults=frozenset({Fault.TOUCH, Fault.STALE}))
    touch = Injection.of(
        Fault.TOUCH, "get websites.example.dev", path="/apis/example.dev/v1/namespaces/default/websites/shop"
    )
    outcome = outcome_of(scenario, touch)
    assert outcome.violation is not None and outcome.violation.invariant == "people's changes stay"


def test_what_people_do_at_any_moment_may_change_the_end_state_as_it_does_at_rest() -> None:
    def retitle(obj: dict[str, object]) -> None:
        obj["spec"] = {"title": "Sale"}

    edited = replace(website, edits=[Edit(Website, retitle)], faults=frozenset({Fault.EDIT, Fault.DELETE}))
    report = explore(edited, runs=60)
    report.check()
    assert report.coverage.faults[Fault.EDIT] and report.coverage.faults[Fault.DELETE]


# What each fault is.


def test_after_a_crash_nothing_of_the_old_manager_has_an_effect_and_a_new_one_knows_nothing() -> None:
    lives: list[str] = []

    class Cleanup(Websites):
        def __init__(self) -> None:
            self.seen = 0

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            self.seen += 1
            lives.append(f"reconcile {self.seen}")
            try:
                await super().reconcile(obj, ctx)
            finally:
                if not obj.status.page:
                    lives.append("cleanup")
                    goodbye = ConfigMap.from_dict({"metadata": {"name": "goodbye", "namespace": "default"}})
                    await ctx.client.create(goodbye)

    scenario = replace(website, controllers=lambda: [Controller(Website, Cleanup(), owns=[ConfigMap])])
    judge = Judge(scenario)
    lives.clear()
    outcome = judge.run(Schedule((Injection.of(Fault.CRASH, APPLY, after=True),)))
    assert lives[:3] == ["reconcile 1", "cleanup", "reconcile 1"]
    assert outcome.violation is None and "goodbye" not in outcome.trace.log()


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "answer lost"])
def test_a_time_out_looks_the_same_whether_the_write_happened_or_not(after: bool) -> None:
    outcome = outcome_of(website, Injection.of(Fault.TIMEOUT, APPLY, after=after))
    applied = [entry for entry in outcome.trace.entries if "apply configmaps" in entry.text and not entry.mark]
    assert outcome.violation is None and len(applied) == (2 if after else 1)
    assert applied[-1].at - applied[0].at >= 60 if after else applied[0].at >= 60


def test_errors_are_answered_in_place_of_the_server() -> None:
    seen: list[Exception] = []

    class Notes(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> None:
            try:
                await super().reconcile(obj, ctx)
            except Conflict as error:
                seen.append(error)
                raise

    outcome = outcome_of(with_reconciler(Notes()), Injection.of(Fault.ERROR, APPLY, code=409))
    assert len(seen) == 1 and outcome.violation is None


@pytest.mark.parametrize("fault", [Fault.STALE, Fault.LOST, Fault.DUPLICATE, Fault.EXPIRED, Fault.CUT])
@pytest.mark.parametrize("events", [1, 4])
@pytest.mark.parametrize("pace", [None, 3])
def test_watches_recover_from_every_fault(fault: Fault, events: int, pace: int | None) -> None:
    async def change_twice(world: World) -> None:
        await publish(world)
        for title in ("Sale", "Closed"):
            site = await world.client.get(Website, "shop", namespace="default")
            site.spec.title = title
            await world.client.update(site)
            await world.sleep(seconds=0.01)

    scenario = replace(website, steps=change_twice)
    injection = Injection.of(fault, STATUS, resource="websites.example.dev", events=events)
    outcome = outcome_of(scenario, injection, pace=pace)
    assert injection in outcome.struck and outcome.violation is None


def test_a_handover_is_an_orderly_stop_and_a_new_manager() -> None:
    outcome = outcome_of(website, Injection.of(Fault.HANDOVER, APPLY))
    told = [entry.text for entry in outcome.trace.entries if entry.actor.startswith("operator")]
    stop = told.index("has stopped")
    assert any(text.startswith(STATUS) for text in told[:stop])  # the reconcile in flight came to its end
    assert outcome.violation is None


@pytest.mark.parametrize("seconds", [0.0, 20.0])
def test_a_deposed_leader_goes_on_with_a_stale_view_and_only_what_was_on_its_way_arrives(seconds: float) -> None:
    retitled = replace(website, steps=retitle)
    injection = Injection.of(Fault.DEPOSED, APPLY, seconds=seconds)
    outcome = outcome_of(retitled, injection)
    told = [(entry.actor, entry.text, entry.at) for entry in outcome.trace.entries]
    old = [text for actor, text, _ in told if actor == "operator/1"]
    late = next(at for actor, text, at in told if actor == "operator/1" and text.startswith(APPLY))
    start = next(at for actor, text, at in told if actor == "operator/2")

    assert late == pytest.approx(seconds, abs=0.01) and start < 0.01
    assert f"{STATUS} default/shop -> is not sent: it does not lead" in old
    assert old[-1] == "finds that it does not lead, and ends"
    assert sum(text.startswith(APPLY) for text in old) == 1  # of the new title it knows nothing
    assert outcome.violation is None


async def retitle(world: World) -> None:
    await publish(world)
    site = await world.client.get(Website, "shop", namespace="default")
    site.spec.title = "Sale"
    await world.client.update(site)
    await world.settled()


def test_a_late_write_of_a_deposed_leader_finds_who_overwrites_without_looking() -> None:
    class Once(Websites):
        """Wrong: what it wrote once it never looks at again."""

        async def reconcile(self, obj: Website, ctx: Context) -> Result | None:
            if obj.status.page != obj.spec.title:
                await super().reconcile(obj, ctx)
                obj.status.page = obj.spec.title
            return None

    scenario = replace(
        website, steps=retitle, controllers=lambda: [Controller(Website, Once())], faults=frozenset({Fault.DEPOSED})
    )
    failure = explore(scenario, runs=50).failures[0]
    assert failure.violation.invariant == "end state"
    assert failure.schedule.injections[0].number("seconds") > 0
    assert explore(replace(scenario, lateness=[0.0]), runs=50).failed is False


def deleted_in(scenario: Scenario) -> list[str]:
    plan = Plan(scenario, Judge(scenario).undisturbed)
    paths = {each.text("path") for number in range(plan.systematic) for each in plan.schedule(number).injections}
    return [path.rpartition("/")[2] for path in sorted(paths)]


def test_people_delete_what_was_there_from_the_start_if_the_operator_looks_at_it() -> None:
    class Copies(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> None:
            source = await ctx.client.get(ConfigMap, "source", namespace="default")
            obj.status.page = source.data["page"]

    class Twice(Copies):
        """Wrong: what is there at first may be gone later, and what was begun stays."""

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            await super().reconcile(obj, ctx)
            metadata = ObjectMeta(name="begun", namespace="default")
            await ctx.client.apply(ConfigMap(metadata=metadata), owner=obj)
            await super().reconcile(obj, ctx)

    metadata = [ObjectMeta(name=name, namespace="default") for name in ("source", "unseen")]
    objects = [ConfigMap(metadata=each, data={"page": "one"}) for each in metadata]
    right = replace(with_reconciler_made(Copies), objects=objects, faults=frozenset({Fault.DELETE}))
    assert deleted_in(right) == ["source", "shop"]
    assert deleted_in(replace(right, kept=[ConfigMap])) == ["shop"]
    explore(right, runs=60).check()  # as if it had been deleted before all else

    wrong = replace(right, controllers=with_reconciler_made(Twice).controllers)
    failure = explore(wrong, runs=100).failures[0]
    assert "delete: a person deletes configmaps default/source before" in failure.story()


def test_an_end_state_tells_what_was_there_and_is_gone_and_not_what_is_as_it_was() -> None:
    def paths(end: EndState | None) -> list[str]:
        assert end is not None
        return [name for name in end.objects if name.startswith("ConfigMap default/kept")]

    scenario = replace(website, objects=[ConfigMap(metadata=ObjectMeta(name="kept", namespace="default"))])
    path = "/api/v1/namespaces/default/configmaps/kept"
    touched = outcome_of(scenario, Injection.of(Fault.TOUCH, APPLY, path=path))
    deleted = outcome_of(scenario, Injection.of(Fault.DELETE, APPLY, path=path))
    assert not paths(touched.end) and touched.violation is None
    assert paths(deleted.end) == ["ConfigMap default/kept"] and deleted.violation is None


def test_systems_outside_are_boundaries_too() -> None:
    class Mail:
        def __init__(self) -> None:
            self.sent: list[str] = []

        async def send(self, to: str) -> None:
            self.sent.append(to)

        def dump(self) -> list[str]:
            return self.sent

    class Announces(Websites):
        """Wrong: the mail is sent again after a crash before the status is written."""

        def __init__(self, world: World) -> None:
            self.mail = world.outside.mail

        async def reconcile(self, obj: Website, ctx: Context) -> None:
            if not obj.status.page:
                await self.mail.send(obj.name)
                obj.status.page = "announced"

    scenario = replace(
        website,
        controllers=lambda world: [Controller(Website, Announces(world))],
        outside=lambda: {"mail": Mail()},
        invariants=[at_most_once_outside("mail.send")],
    )
    failure = explore(scenario, runs=100).failures[0]
    assert failure.schedule.injections[0].call == "mail.send"
    assert failure.violation.message == "mail.send shop happened twice"


def test_an_undisturbed_run_that_fails_is_said_with_its_timeline() -> None:
    class Broken(Websites):
        async def reconcile(self, obj: Website, ctx: Context) -> None:
            raise KeyError("nothing")

    scenario = replace(
        with_reconciler(Broken()), invariants=[eventually(lambda view: view.all(ConfigMap) != [], name="a page")]
    )
    with pytest.raises(
        Unusable, match=r"without any fault: a page(.|\n)*create websites\.example\.dev default/shop -> 201"
    ):
        explore(scenario, runs=1)


# Determinism.

PROGRAM = """
from tests.testing.exploration.world import website
from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.plan import Plan
judge = Judge(website)
plan = Plan(website, judge.undisturbed)
for number in {numbers}:
    print(number, plan.schedule(number))
    print(judge.run(plan.schedule(number)).trace.log())
"""


def test_the_same_number_gives_the_same_bytes_in_another_process_whatever_ran_before() -> None:
    systematic = Plan(website, Judge(website).undisturbed).systematic
    numbers = [0, 3, 20, 60, *range(systematic, systematic + 12)]

    def log(order: list[int], hash_seed: str) -> list[str]:
        program = PROGRAM.format(numbers=order)
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
        return sorted(done.stdout.splitlines())

    first = log(numbers, "1")
    assert len(first) > 100 and first == log(numbers[::-1], "2")
