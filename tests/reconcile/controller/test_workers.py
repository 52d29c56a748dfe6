"""Workers go on whatever is done to them, and say so when what they do leads nowhere."""

import asyncio
import logging
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from kubernaut.client import Client, Conflict, MergePatch, ObjectHead
from kubernaut.reconcile import Context, Controller, Manager, Request, Result, Watch
from kubernaut.reconcile.groups import only_error
from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.running.controller import ControllerRun
from kubernaut.reconcile.running.gate import OpenGate
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, Scripted, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def one_widget() -> Server:
    server = Server()
    server.put("widgets", widget("a"))
    return server


def warnings(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and text in r.getMessage()]


async def test_a_worker_goes_on_after_a_cancellation_that_a_reconcile_left_armed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = one_widget()

    async def do(request: Request, ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(5, task.cancel)

    keys = Keys(do)
    async with manager_of(server, keys, max_concurrent=1).running():
        for name in ("b", "c"):
            await asyncio.sleep(10)
            server.put("widgets", widget(name))
        await asyncio.sleep(10)
    assert keys.calls == ["shop/a", "shop/b", "shop/c"]
    assert len(warnings(caplog, "cancelled between reconciles")) == 3


async def test_an_idle_worker_still_ends_with_its_manager() -> None:
    manager = manager_of(one_widget(), Keys())
    task = asyncio.create_task(manager.run())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_workers_that_end_without_a_stop_are_a_crash() -> None:
    metrics = RuntimeMetrics(CollectorRegistry()).controller("widget", 1)
    run = ControllerRun(Controller(Widget, Keys()), OpenGate(), metrics, seed="0")
    run.queue.close()
    with pytest.raises(ExceptionGroup) as raised:
        await run.run()
    assert "ended though it was not stopped" in str(only_error(raised.value))


async def test_the_fifth_stale_view_in_a_row_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) <= 6:
            raise Conflict({"kind": "Status", "code": 409, "reason": "Conflict", "message": "managed by another"})

    keys = Keys(do)
    async with manager_of(one_widget(), keys).running():
        await asyncio.sleep(60)
    assert len(keys.calls) == 7
    assert len(warnings(caplog, "keeps having a stale view")) == 2


async def test_stale_views_with_a_success_in_between_are_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        if len(keys.calls) % 4:
            raise Conflict({"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed meanwhile"})
        return Result(requeue_after=timedelta(seconds=1)) if len(keys.calls) < 20 else None

    keys = Keys(do)
    async with manager_of(one_widget(), keys).running():
        await asyncio.sleep(60)
    assert len(keys.calls) == 20
    assert not warnings(caplog, "stale view")


async def test_requests_for_a_cluster_that_does_not_exist_are_told_once_for_each_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def to(head: ObjectHead) -> list[Request]:
        return [Request("shop", head.name, cluster=name) for name in ("nort", "sout")]

    server, keys = Server(), Keys()
    manager = Manager(Client(server))
    manager.add(Controller(Widget, keys, watches=[Watch(ConfigMap, to=to)]))
    async with manager.running():
        for name in ("a", "b", "c"):
            server.put("configmaps", {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}})
            await asyncio.sleep(1)
    assert not keys.calls
    assert len(warnings(caplog, "no cluster named")) == 2


async def test_a_request_that_a_typed_reconciler_can_never_read_is_dropped_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    east, scripted = Server(), Scripted()
    manager = Manager(Client(Server()))
    manager.add_cluster("east", Client(east))
    # Without `to_cluster` the requests are for the cluster of the watch, where no Widgets are watched.
    watch = Watch(ConfigMap, to=lambda head: [Request("shop", head.name)], clusters=lambda name: name == "east")
    manager.add(Controller(Widget, scripted, clusters=lambda name: name == "", watches=[watch]))
    async with manager.running():
        for name in ("a", "b"):
            east.put("configmaps", {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}})
            await asyncio.sleep(600)
    assert not scripted.calls
    assert len(warnings(caplog, "requests are dropped")) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_write_that_came_back_is_not_remembered_for_a_key_that_does_not_come_again() -> None:
    server = one_widget()
    server.put("configmaps", {"kind": "ConfigMap", "metadata": {"name": "target", "namespace": "shop"}})

    async def do(request: Request, ctx: Context) -> None:
        patch = MergePatch({"data": {"last": request.name}})
        await ctx.client.patch(ConfigMap, "target", patch, namespace="shop")

    manager = Manager(Client(server))
    manager.add(Controller(Widget, Keys(do), watches=[Watch(ConfigMap, to=lambda head: [])]))
    async with manager.running():
        await asyncio.sleep(10)
        assert manager._run is not None
        writes = manager._run._controllers[0]._writes
        assert not writes._pending
        server.paused = True
        server.put("widgets", widget("b"))
        server.paused = False
        server.poke()
        await asyncio.sleep(10)
        assert not writes._pending


async def test_a_long_queue_of_reconciles_that_wait_for_nothing_lets_others_run() -> None:
    server, turns = Server(), [0]
    for number in range(1000):
        server.put("widgets", widget(f"w{number}"))
    taken: list[int] = []

    async def do(request: Request, ctx: Context) -> None:
        taken.append(turns[0])

    async def others() -> None:
        while len(taken) < 1000:
            turns[0] += 1
            await asyncio.sleep(0)

    async with manager_of(server, Keys(do), max_concurrent=4).running():
        await asyncio.wait_for(others(), 60)
    longest = max(taken.count(turn) for turn in set(taken))
    assert longest <= 4 * 16, f"{longest} reconciles ran before anybody else did"
