"""What a reconcile answers, and what follows: results, errors, time-outs, nonsense."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut.client import Client, TooManyRequests
from kubernaut.reconcile import (
    Backoff,
    Context,
    Controller,
    Manager,
    Request,
    RequeueError,
    Result,
    TerminalError,
    TokenBucket,
    Watch,
)
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.controller.keys import calls_after, one_widget
from tests.reconcile.scripted import Keys, Scripted, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("answer", [None, Result()])
async def test_none_and_an_empty_result_are_the_end_of_it(answer: Result | None) -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        return answer

    assert await calls_after(3600, Keys(do)) == ["shop/a"]


async def test_requeue_after_forgets_the_back_off_and_waits() -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        if len(keys.calls) < 4:
            raise ValueError("not yet")
        return Result(requeue_after=timedelta(seconds=60)) if len(keys.calls) < 6 else None

    keys = Keys(do)
    await calls_after(3600, keys)
    assert keys.waits == [0.005, 0.01, 0.02, 60, 60]
    assert keys.attempts == [1, 2, 3, 4, 1, 1]


@pytest.mark.parametrize("seconds", [0, -5])
async def test_requeue_after_no_time_runs_again_at_once_with_back_off(seconds: int) -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        return Result(requeue_after=timedelta(seconds=seconds)) if len(keys.calls) < 4 else None

    keys = Keys(do)
    await calls_after(60, keys)
    assert keys.waits == [0.005, 0.01, 0.02]


async def test_requests_are_ordered_with_those_without_a_namespace_first() -> None:
    shop, other, node = Request("shop", "a"), Request("shop", "a", "east"), Request(None, "z")
    assert sorted([other, shop, node]) == [node, shop, other]
    assert shop <= shop < other and other >= other > shop


async def test_a_terminal_error_is_not_retried_until_the_object_changes() -> None:
    async def do(request: Request, ctx: Context) -> None:
        raise TerminalError("cannot be")

    server, keys = one_widget(), Keys(do)
    async with manager_of(server, keys).running():
        await asyncio.sleep(3600)
        assert len(keys.calls) == 1
        server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 2}})
        await asyncio.sleep(3600)
    assert keys.attempts == [1, 1]


async def test_a_terminal_error_as_the_cause_of_another_is_an_ordinary_error() -> None:
    async def do(request: Request, ctx: Context) -> None:
        try:
            raise TerminalError("inner")
        except TerminalError as error:
            raise ValueError("outer") from error

    assert len(await calls_after(1, Keys(do))) > 3


async def test_a_requeue_error_backs_off() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) < 4:
            raise RequeueError("stale")

    keys = Keys(do)
    await calls_after(60, keys)
    assert keys.waits == [0.005, 0.01, 0.02]


async def test_retry_after_is_obeyed() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) == 1:
            raise TooManyRequests({"code": 429, "details": {"retryAfterSeconds": 7}})

    keys = Keys(do)
    await calls_after(60, keys)
    assert keys.waits == [7]


async def test_a_reconcile_that_raises_logs_key_controller_and_reconcile_id(caplog: pytest.LogCaptureFixture) -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) == 1:
            raise LookupError("no such shelf")

    keys = Keys(do)
    await calls_after(60, keys)
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    bound = record.__dict__["kubernaut"]
    assert bound["controller"] == "widget"
    assert bound["object"] == "shop/a"
    assert len(bound["reconcile_id"]) == 32
    assert record.exc_info
    assert "no such shelf" in record.getMessage()


async def test_back_off_and_bucket_are_the_controllers_own() -> None:
    async def do(request: Request, ctx: Context) -> None:
        raise ValueError

    keys = Keys(do)
    await calls_after(10, keys, backoff=Backoff(base=1, cap=2))
    assert keys.waits == [1, 2, 2, 2, 2]
    keys = Keys(do)
    await calls_after(10, keys, backoff=Backoff(base=0.001, cap=0.001), bucket=lambda: TokenBucket(rate=0.5, burst=1))
    assert keys.waits == [0.001, 1.999, 2, 2, 2]


async def test_the_first_list_comes_after_events_and_results_choose_their_priority() -> None:
    order: list[str] = []

    async def do(request: Request, ctx: Context) -> Result | None:
        order.append(request.name)
        if request.name == "w0" and order.count("w0") == 1:
            server.put("widgets", {**server.objects["widgets", "shop", "w5"], "spec": {"size": 2}})
            await asyncio.sleep(0.1)
        return None

    server = Server()
    for number in range(6):
        server.put("widgets", widget(f"w{number}", status={"observedGeneration": 1}))
    async with manager_of(server, Keys(do)).running():
        await asyncio.sleep(5)
    assert order == ["w0", "w5", "w1", "w2", "w3", "w4"]


async def test_a_result_chooses_the_priority_of_its_next_run() -> None:
    order: list[str] = []

    async def do(request: Request, ctx: Context) -> Result | None:
        order.append(request.name)
        if order.count(request.name) > 1:
            return None
        await asyncio.sleep(1)
        return Result(requeue_after=timedelta(seconds=10 - len(order)), priority=5 if request.name == "c" else None)

    server = Server()
    for name in "abc":
        server.put("widgets", widget(name, status={"observedGeneration": 1}))
    busy = Keys(do)
    async with manager_of(server, busy).running():
        await asyncio.sleep(30)
    assert order == ["a", "b", "c", "c", "a", "b"]  # all three were due at the same time


async def test_a_watch_gives_its_requests_a_priority() -> None:
    order: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        order.append(request.name)
        if request.name == "first":
            for name in ("slow", "urgent"):
                server.put("widgets" if name == "slow" else "configmaps", {**widget(name), "data": {}})
            await asyncio.sleep(1)

    server = Server()
    server.put("widgets", widget("first", status={"observedGeneration": 1}))
    watch = Watch(ConfigMap, to=lambda head: [Request(head.namespace, head.name)], priority=10)
    async with manager_of(server, Keys(do), watches=[watch]).running():
        await asyncio.sleep(5)
    assert order == ["first", "urgent", "slow"]


def test_settings_that_make_no_sense_name_the_field() -> None:
    with pytest.raises(ValueError, match="max_concurrent is 0: it must be at least 1"):
        Controller(Widget, Keys(), max_concurrent=0)
    with pytest.raises(ValueError, match="reconcile_timeout is 0:00:00: it must be positive"):
        Controller(Widget, Keys(), reconcile_timeout=timedelta(0))
    with pytest.raises(ValueError, match="metadata_only: a typed Reconciler reads whole objects"):
        Controller(Widget, Scripted(), metadata_only=True)


async def test_two_controllers_of_one_name_are_refused() -> None:
    manager = Manager(Client(Server()))
    manager.add(Controller(Widget, Keys()))
    with pytest.raises(ValueError, match="named 'widget' already"):
        manager.add(Controller(Widget, Keys()))
    manager.add(Controller(Widget, Keys(), name="widget-two"))


async def test_an_error_keeps_the_priority_of_its_key() -> None:
    order: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        order.append(request.name)
        if request.name == "low" and order.count("low") == 1:
            raise ValueError
        if request.name == "first":
            server.put("configmaps", {**widget("low"), "data": {}})
            await asyncio.sleep(1)
        if request.name == "low":
            return
        if request.name == "block":
            await asyncio.sleep(1)

    server = one_widget()
    keys = Keys(do)
    watch = Watch(ConfigMap, to=lambda head: [Request(head.namespace, head.name)], priority=-50)
    async with manager_of(server, keys, watches=[watch]).running():
        await asyncio.sleep(1)
        server.put("configmaps", {**widget("low"), "data": {}})
        await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        for name in ("block", "event"):
            server.put("widgets", widget(name))
        await asyncio.sleep(5)
    assert order == ["a", "low", "block", "event", "low"]


async def test_one_worker_reconciles_one_key_after_the_other_and_a_key_never_twice_at_once() -> None:
    busy: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        assert request.name not in busy
        busy.append(request.name)
        most.append(len(busy))
        if len(keys.calls) < 12:
            live = server.objects["widgets", "shop", request.name]
            server.put("widgets", {**live, "spec": {"size": len(keys.calls)}})
        await asyncio.sleep(1)
        busy.remove(request.name)

    for workers, at_once in ((1, 1), (4, 3)):
        server, keys, most = Server(), Keys(do), list[int]()
        for name in "abc":
            server.put("widgets", widget(name))
        await calls_after(60, keys, server, max_concurrent=workers)
        assert max(most) == at_once
        assert len(keys.calls) > 12


async def test_the_back_off_is_not_forgotten_before_a_reconcile_succeeds() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) in (1, 2, 3, 5):
            raise ValueError

    server, keys = one_widget(), Keys(do)
    async with manager_of(server, keys).running():
        await asyncio.sleep(1)
        server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 2}})
        await asyncio.sleep(1)
    assert keys.attempts == [1, 2, 3, 4, 1, 2]
