"""The pieces: schedules as JSON, normalised end states, simulated controllers, the server's snapshot."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

import kubernaut.testing.exploration.loop as loops
from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.snapshot import Snapshot
from kubernaut.reconcile import Context, Controller, Reconciler
from kubernaut.resources import ObjectMeta, crd_for
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod
from kubernaut.testing import run_virtual
from kubernaut.testing.exploration import (
    Deployments,
    GarbageCollection,
    Injection,
    JobEnd,
    Jobs,
    Scenario,
    Schedule,
    Stage,
    World,
)
from kubernaut.testing.exploration.generations import Generation
from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.loop import run_exploring
from kubernaut.testing.exploration.normal import EndState, diff
from kubernaut.testing.exploration.schedule import ANY, END
from kubernaut.testing.exploration.streams import OpenWatch
from kubernaut.testing.virtualtime import NeverAtRest
from tests.testing.exploration.world import Website, careless, publish, website


def test_a_schedule_survives_json() -> None:
    crash = Injection.of("crash", "create jobs.batch", 2, after=True, downtime=30.0)
    schedule = Schedule((crash, Injection.of("error", ANY, 7, code=409)), pace=5)
    assert Schedule.from_dict(schedule.to_dict()) == schedule
    assert str(crash) == "crash after `create jobs.batch` number 2, and 30 s of nothing"


PAGE = "/api/v1/namespaces/default/configmaps/shop-page"
NODE = "/api/v1/nodes/one"


@pytest.mark.parametrize(
    ("injection", "told"),
    [
        (Injection.of("crash", "x"), "crash before `x` number 1"),
        (Injection.of("handover", "x", after=True), "handover after `x` number 1"),
        (Injection.of("deposed", "x", seconds=0.0), "deposed before `x` number 1: another one leads"),
        (
            Injection.of("deposed", "x", seconds=20.0),
            "deposed before `x` number 1: that call arrives 20 s later, when another one leads",
        ),
        (Injection.of("error", "x", 3, code=409), "error 409 Conflict instead of `x` number 3"),
        (Injection.of("timeout", "x"), "timeout before `x` number 1: the request is lost"),
        (
            Injection.of("timeout", "x", after=True),
            "timeout after `x` number 1: it took effect, and the answer is lost",
        ),
        (
            Injection.of("stale", "x", resource="pods", events=1),
            "stale watches of pods, 1 event behind, before `x` number 1",
        ),
        (
            Injection.of("lost", ANY, 4, resource="pods", events=2),
            "lost: 2 events of the watches of pods, before call number 4",
        ),
        (Injection.of("clock", "x", seconds=-3600.0), "clock 1 h back before `x` number 1"),
        (Injection.of("slow", "x", seconds=300.0), "slow pods, 5 min more to start, before `x` number 1"),
        (
            Injection.of("touch", "x", path=PAGE),
            "touch: a person annotates configmaps default/shop-page before `x` number 1",
        ),
        (Injection.of("delete", END, path=NODE), "delete: a person deletes nodes one at the end"),
        (Injection.of("other", "x", size=1), "other (size 1) before `x` number 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.fault,
)
def test_a_fault_is_told_in_words(injection: Injection, told: str) -> None:
    assert str(injection) == told


@pytest.mark.parametrize(
    "given", [{}, {"pace": 1}, {"pace": None, "injections": [{}]}, {"pace": None, "injections": 3}]
)
def test_what_is_no_schedule_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Schedule.from_dict(given)


def test_end_states_have_no_uids_times_and_generated_names() -> None:
    end = Judge(careless).undisturbed.end
    assert end is not None
    assert list(end.objects) == ["ConfigMap default/shop-<generated>", "Website default/shop"]
    assert end.objects["Website default/shop"]["status"] == {
        "observedGeneration": "current",
        "page": "shop-<generated>",
    }
    assert end.objects["ConfigMap default/shop-<generated>"]["metadata"] == {
        "generateName": "shop-",
        "name": "shop-<generated>",
        "namespace": "default",
    }


def test_an_owner_is_known_by_its_name() -> None:
    end = Judge(website).undisturbed.end
    assert end is not None
    (owner,) = end.objects["ConfigMap default/shop-page"]["metadata"]["ownerReferences"]
    assert owner["uid"] == "<uid of Website shop>"


def test_paths_and_kinds_can_be_left_out() -> None:
    ignore = ["ConfigMap", "Website.status.page", "status.observedGeneration"]
    end = Judge(replace(website, ignore=ignore)).undisturbed.end
    assert end is not None and list(end.objects) == ["Website default/shop"]
    assert end.objects["Website default/shop"]["status"] == {}


def test_the_diff_says_what_is_missing_too_much_and_different() -> None:
    expected = EndState({"A x": {"n": 1}, "B y": {"n": 1}})
    found = EndState({"A x": {"n": 2}, "C z": {"n": 1}})
    assert diff(expected, found).splitlines() == [
        "A x differs (- undisturbed, + this run):",
        "@@ -1 +1 @@",
        "-n: 1",
        "+n: 2",
        "B y is missing:",
        "- n: 1",
        "C z should not be there:",
        "+ n: 1",
    ]
    assert not diff(expected, expected)


# Simulated controllers.


class Nothing(Reconciler[Website]):
    async def reconcile(self, obj: Website, ctx: Context) -> None: ...


def alone(name: str, steps: Any, *simulated: Any) -> Any:
    """One undisturbed run of a world in which no operator does anything."""
    scenario = Scenario(
        name=name,
        controllers=lambda: [Controller(Website, Nothing())],
        crds=[Website],
        steps=steps,
        controlplane=list(simulated),
    )
    return Judge(scenario).undisturbed


def job(**spec: Any) -> Job:
    template = {"spec": {"containers": [{"name": "main", "image": "x"}], "restartPolicy": "Never"}}
    metadata = {"name": "work", "namespace": "default"}
    return Job.from_dict({"metadata": metadata, "spec": {"template": template, "backoffLimit": 0, **spec}})


def test_a_job_runs_its_function_and_goes_after_its_time() -> None:
    ran: list[str] = []

    def run(given: Mapping[str, Any], stage: Stage) -> JobEnd:
        ran.append(given["metadata"]["name"])
        return JobEnd(message="done")

    async def steps(world: World) -> None:
        await world.client.create(job(ttlSecondsAfterFinished=30))
        await world.sleep(seconds=5)
        (pod,) = world.view.all(Pod)
        assert pod.status.phase == "Succeeded"
        found = world.view.get(Job, "work", "default")
        assert found is not None and found.status.succeeded == 1 and found.status.completion_time
        await world.sleep(minutes=1)
        assert not world.view.all(Job) and not world.view.all(Pod)

    alone("a job", steps, Jobs(run=run), GarbageCollection())
    assert ran == ["work"]


def test_a_failing_job_is_tried_again_and_then_failed() -> None:
    async def steps(world: World) -> None:
        await world.client.create(job(backoffLimit=1))
        await world.sleep(minutes=2)
        found = world.view.get(Job, "work", "default")
        assert found is not None and found.status.failed == 2
        assert [c.type for c in found.status.conditions if c.status == "True"] == ["FailureTarget", "Failed"]

    alone("failing", steps, Jobs(run=lambda job, stage: JobEnd(1)))


def test_a_job_that_is_too_slow_meets_its_deadline() -> None:
    async def steps(world: World) -> None:
        await world.client.create(job(activeDeadlineSeconds=20))
        await world.sleep(minutes=2)
        found = world.view.get(Job, "work", "default")
        assert found is not None and found.status.conditions[-1].reason == "DeadlineExceeded"

    alone("deadline", steps, Jobs(seconds=100))


def test_deployments_become_ready() -> None:
    async def steps(world: World) -> None:
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
        spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": "web", "namespace": "default"}
        await world.client.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))
        await world.sleep(seconds=2)
        found = world.view.get(Deployment, "web", "default")
        assert found is not None and found.status.ready_replicas == 3

    alone("deployment", steps, Deployments())


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_dependents_go_with_their_owner_or_are_let_go(propagation: Any) -> None:
    async def steps(world: World) -> None:
        owner = await world.client.create(ConfigMap(metadata=ObjectMeta(name="owner", namespace="default")))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid}
        metadata = {
            "name": "child",
            "namespace": "default",
            "ownerReferences": [{**reference, "blockOwnerDeletion": True}],
        }
        await world.client.create(ConfigMap.from_dict({"metadata": metadata}))
        await world.client.delete(ConfigMap, "owner", namespace="default", propagation=propagation)
        await world.sleep(seconds=1)
        left = [each.name for each in world.view.all(ConfigMap, "default")]
        assert left == (["child"] if propagation == "Orphan" else [])
        assert all(not each.metadata.owner_references for each in world.view.all(ConfigMap, "default"))

    alone(propagation, steps, GarbageCollection())


def test_the_whole_control_plane_runs_beside_an_operator_where_a_scenario_asks_for_it() -> None:
    async def steps(world: World) -> None:
        await publish(world)
        await world.client.create(job())
        await world.settled()
        assert [pod.status.phase for pod in world.view.all(Pod)] == ["Succeeded"]
        await world.client.delete(Website, "shop", namespace="default")
        await world.settled()
        assert not [page for page in world.view.all(ConfigMap, "default") if page.name == "shop-page"]

    judge = Judge(replace(website, steps=steps, controlplane=True))
    assert judge.run(Schedule((Injection.of("crash", "apply configmaps", after=True),))).violation is None


# The server's snapshot.


def test_a_server_goes_back_to_its_snapshot() -> None:
    server = ApiServer(seed=1)

    async def prepare() -> None:
        client = Client(InProcessTransport(server))
        await client.create(CustomResourceDefinition.from_dict(crd_for(Website)))
        await client.create(ConfigMap(metadata=ObjectMeta(name="kept", namespace="default"), data={"n": "1"}))

    async def change() -> list[str]:
        client = Client(InProcessTransport(server))
        kept = await client.get(ConfigMap, "kept", namespace="default")
        assert kept.data == {"n": "1"}
        kept.data = {"n": "2"}
        await client.update(kept)
        new = await client.create(ConfigMap(metadata=ObjectMeta(generate_name="new-", namespace="default")))
        return [new.name, new.uid or "", str(server.version)]

    run_virtual(prepare)
    before, snapshot = server.dump(), Snapshot(server)
    first = run_virtual(change)
    assert server.dump() != before and snapshot.restore()
    assert server.dump() == before and not server.requests
    assert run_virtual(change) == first


def test_a_snapshot_says_when_definitions_have_changed() -> None:
    server = ApiServer(seed=1)
    snapshot = Snapshot(server)

    async def define() -> None:
        await Client(InProcessTransport(server)).create(CustomResourceDefinition.from_dict(crd_for(Website)))

    run_virtual(define)
    assert not snapshot.restore()


def test_a_snapshot_says_of_which_kinds_something_was_written() -> None:
    async def story() -> None:
        server = ApiServer(seed=1)
        snapshot = Snapshot(server)
        assert snapshot.changed() == []
        async with Client(InProcessTransport(server)) as client:
            await client.create(ConfigMap(metadata=ObjectMeta(name="one", namespace="default")))
            assert snapshot.changed() == ["configmaps"]
            await client.delete(ConfigMap, "one", namespace="default")
        assert snapshot.changed() == ["configmaps"]
        snapshot.restore()
        assert snapshot.changed() == []

    run_virtual(story)


# Watches.


def test_what_arrives_at_the_moment_at_which_a_delay_ends_is_not_held_for_ever() -> None:
    frames: asyncio.Queue[bytes]
    read: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield await frames.get()

    async def reads(watch: OpenWatch) -> None:
        async for frame in watch:
            read.append(frame)

    async def main() -> None:
        nonlocal frames
        frames = asyncio.Queue()
        loop = asyncio.get_running_loop()
        watch = OpenWatch("configmaps", Generation(1), chunks(), lambda: 0.0)
        reader = loop.create_task(reads(watch))
        # Timers run up to a microsecond early: the delay is over a little before its own time.
        watch.delay(1, loop.time() + 10 + 5e-7)
        await asyncio.sleep(10)
        await asyncio.sleep(0)
        frames.put_nowait(b'{"type":"ADDED"}\n')
        await asyncio.sleep(60)
        reader.cancel()
        await watch.aclose()

    run_exploring(main)
    assert read == [b'{"type":"ADDED"}\n']


# The loop of a run.


def test_nothing_of_a_run_is_kept_when_it_is_over() -> None:
    judge = Judge(careless)
    judge.run(Schedule())
    gc.collect()
    before = sum(isinstance(each, asyncio.Task) for each in gc.get_objects())
    judge.run(Schedule())
    gc.collect()
    assert sum(isinstance(each, asyncio.Task) for each in gc.get_objects()) == before


@pytest.mark.parametrize("late", [False, True])
def test_what_a_run_raises_comes_out_once_its_tasks_have_ended(late: bool) -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(forever())
        if late:
            await asyncio.sleep(1)
        await asyncio.sleep(0)
        assert not task.done()
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        run_exploring(main)
    assert ended == [True]


def test_a_run_that_spins_is_given_up_and_its_tasks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "ROUNDS", 500)
    ended = []

    async def main() -> None:
        try:
            while True:
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    with pytest.raises(NeverAtRest):
        run_exploring(main)
    assert ended == [True]
