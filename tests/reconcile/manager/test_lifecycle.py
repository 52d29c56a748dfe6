"""How a manager starts, runs and stops."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut.client import Client, NotFound
from kubernaut.reconcile import (
    Context,
    Controller,
    LeaderElection,
    Manager,
    NotStopped,
    NotSynced,
    Request,
    Result,
    TokenBucket,
)
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, Scripted, manager_of
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def widgets(*names: str) -> Server:
    server = Server()
    for name in names:
        server.put("widgets", widget(name, status={"observedGeneration": 1}))
    return server


async def stopped(manager: Manager, after: float = 1) -> float:
    """Run a manager, stop it; the seconds that stopping took."""
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(after)
    began = asyncio.get_running_loop().time()
    manager.stop()
    await running
    return asyncio.get_running_loop().time() - began


async def test_workers_start_when_every_handler_has_been_told_of_every_object() -> None:
    async def do(request: Request, ctx: Context) -> None:
        seen.append((len(ctx.cache.heads(Widget)), len(ctx.cache.heads(ConfigMap))))

    seen: list[tuple[int, int]] = []
    server = widgets(*(f"w{number}" for number in range(20)))
    for number in range(30):
        server.put("configmaps", {"metadata": {"name": f"c{number}", "namespace": "shop"}})
    async with manager_of(server, Keys(do), owns=[ConfigMap]).running():
        await asyncio.sleep(1)
    assert seen == [(20, 30)] * 20


async def test_no_key_is_worked_on_before_the_list_of_a_slow_kind_is_complete() -> None:
    server, keys = widgets("a"), Keys()
    refuse(server, times=10, match=lambda request: "configmaps" in request.path)
    manager = manager_of(server, keys, owns=[ConfigMap])
    async with manager.running(wait=False):
        await asyncio.sleep(5)
        assert keys.calls == []
        assert manager.unsynced() == ["configmaps (failing for 5 s: connection refused)"]
        await manager.synced()
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a"]


async def test_a_manager_whose_informers_cannot_list_in_time_says_which() -> None:
    server = widgets("a")
    refuse(server, times=10**6, match=lambda request: "configmaps" in request.path)
    manager = manager_of(server, Keys(), owns=[ConfigMap])
    with pytest.raises(NotSynced, match=r"no complete list within 0:00:30 of: configmaps"):
        async with manager.running(sync_timeout=timedelta(seconds=30)):
            raise AssertionError("started")


async def test_run_waits_for_lists_as_long_as_it_takes() -> None:
    server, keys = widgets("a"), Keys()
    refuse(server, times=40)
    manager = manager_of(server, keys)
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(3600)
    assert keys.calls == ["shop/a"]
    manager.stop()
    await running


async def test_what_is_asked_of_a_manager_that_does_not_run_is_refused() -> None:
    manager = manager_of(Server(), Keys())
    for ask in (lambda: manager.cache, lambda: manager.events, manager.unsynced):
        with pytest.raises(RuntimeError, match="not running"):
            ask()
    with pytest.raises(RuntimeError, match="not running"):
        await manager.synced()
    manager.stop()


async def test_controllers_cannot_be_added_to_a_manager_that_runs() -> None:
    manager = manager_of(Server(), Keys())
    async with manager.running():
        with pytest.raises(RuntimeError, match="controllers cannot be added to a manager that is running"):
            manager.add(Controller(Widget, Keys(), name="late"))
    manager.add(Controller(Widget, Keys(), name="late"))
    assert [controller.name for controller in manager.controllers] == ["widget", "late"]


# Stopping.


async def test_a_stop_without_reconciles_in_flight_takes_no_time() -> None:
    assert await stopped(manager_of(widgets("a"), Keys())) == pytest.approx(0, abs=0.01)


async def test_a_stop_waits_for_reconciles_in_flight_and_for_nothing_queued() -> None:
    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(10)

    keys = Keys(do)
    took = await stopped(manager_of(widgets("a", "b", "c", "d"), keys, max_concurrent=2))
    assert took == pytest.approx(9, abs=0.1)
    assert keys.calls == ["shop/a", "shop/b"]


async def test_reconciles_in_flight_can_still_read_write_and_record_while_the_manager_stops() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        await asyncio.sleep(5)
        ctx.cache.get(Widget, "a", "shop")
        await ctx.client.get(Widget, "a", namespace="shop")
        ctx.events.event(obj, "Done", "to the end")
        obj.status.phase = "Done"

    server = widgets("a")
    await stopped(manager_of(server, Scripted(do)))
    assert server.objects["widgets", "shop", "a"]["status"]["phase"] == "Done"
    assert [body["reason"] for _, _, body in server.events] == ["Done"]


async def test_what_a_reconcile_in_flight_asks_for_later_is_not_run_any_more() -> None:
    async def do(request: Request, ctx: Context) -> Result:
        await asyncio.sleep(5)
        return Result(requeue_after=timedelta(0))

    keys = Keys(do)
    await stopped(manager_of(widgets("a"), keys))
    assert len(keys.calls) == 1


@pytest.mark.parametrize(("seconds", "took"), [(30, 30), (5, 5), (0, 0)])
async def test_reconciles_that_outlast_the_graceful_timeout_are_cut_off_and_run_says_so(
    seconds: int, took: float
) -> None:
    async def do(request: Request, ctx: Context) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(asyncio.get_running_loop().time())

    ended: list[float] = []
    manager = Manager(Client(widgets("a")), graceful_timeout=timedelta(seconds=seconds))
    manager.add(Controller(Widget, Keys(do)))
    with pytest.raises(NotStopped, match="reconciles in flight did not end within"):
        await stopped(manager)
    assert ended == [pytest.approx(1 + took, abs=0.1)]


async def test_no_graceful_timeout_is_no_reason_to_complain_where_nothing_is_in_flight() -> None:
    manager = Manager(Client(widgets("a")), graceful_timeout=timedelta(0))
    manager.add(Controller(Widget, Keys()))
    assert await stopped(manager) == pytest.approx(0, abs=0.01)


async def test_a_run_that_is_cancelled_stops_in_order_too() -> None:
    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(10)
        notes.append("finished")

    notes: list[str] = []
    manager = manager_of(widgets("a"), Keys(do))
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert notes == ["finished"]


async def test_stop_may_be_called_twice_and_before_the_start() -> None:
    manager = manager_of(widgets("a"), Keys())
    manager.stop()
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(1)
    manager.stop()
    manager.stop()
    await running


async def test_a_manager_that_runs_is_not_run_a_second_time_and_goes_on() -> None:
    keys = Keys()
    server = widgets("a")
    manager = manager_of(server, keys)
    async with manager.running():
        with pytest.raises(RuntimeError, match="running already"):
            await manager.run()
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/b"]


async def test_a_second_run_begins_anew_with_what_is_there_then() -> None:
    keys = Keys()
    server = widgets("a", "b")
    manager = manager_of(server, keys)
    async with manager.running():
        await asyncio.sleep(1)
    server.remove("widgets", "shop", "a")
    async with manager.running():
        await asyncio.sleep(1)
        with pytest.raises(NotFound):
            manager.cache.get(Widget, "a", "shop")
    assert keys.calls == ["shop/a", "shop/b", "shop/b"]


async def test_a_back_off_of_the_first_run_does_not_reach_into_the_second() -> None:
    async def do(request: Request, ctx: Context) -> None:
        raise ValueError

    keys = Keys(do)
    manager = manager_of(widgets("a"), keys)
    for _ in range(2):
        async with manager.running():
            await asyncio.sleep(0.1)
    assert keys.attempts[:5] == keys.attempts[5:] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("error", [KeyError("mine"), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_what_the_body_of_running_raises_comes_out_after_an_orderly_stop(error: BaseException) -> None:
    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(5)
        notes.append("finished")

    notes: list[str] = []
    with pytest.raises(type(error)):
        async with manager_of(widgets("a"), Keys(do)).running():
            await asyncio.sleep(1)
            raise error
    assert notes == ["finished"]


async def test_a_manager_that_could_not_be_set_up_can_run_when_the_cause_is_gone() -> None:
    def bucket() -> TokenBucket:
        if not fixed:
            raise LookupError("no rate is configured")
        return TokenBucket(rate=10, burst=100)

    fixed: list[bool] = []
    keys = Keys()
    manager = manager_of(widgets("a"), keys)
    manager.add(Controller(Widget, keys, name="two", bucket=bucket))
    with pytest.raises(LookupError, match="no rate is configured"):
        await manager.run()
    fixed.append(True)
    async with manager.running():
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/a"]


# Side by side.


async def test_two_managers_side_by_side_share_nothing() -> None:
    servers = [widgets("a"), widgets("a", "b")]
    keys = [Keys(), Keys()]
    managers = [manager_of(server, key) for server, key in zip(servers, keys, strict=True)]
    async with managers[0].running(), managers[1].running():
        await asyncio.sleep(1)
        assert managers[0].cache is not managers[1].cache
        assert [len(manager.cache.heads(Widget)) for manager in managers] == [1, 2]
        servers[0].put("widgets", widget("c"))
        await asyncio.sleep(1)
    assert [key.calls for key in keys] == [["shop/a", "shop/c"], ["shop/a", "shop/b"]]


async def test_one_managers_end_leaves_the_other_running() -> None:
    async def broken() -> None:
        raise ValueError

    server, keys = widgets("a"), Keys()
    ends = manager_of(widgets("a"), Keys())
    ends.add_service("broken", broken)
    async with manager_of(server, keys).running():
        with pytest.raises(ValueError):
            await ends.run()
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/b"]


async def test_one_controller_object_may_be_run_by_two_managers() -> None:
    keys = Keys()
    controller = Controller(Widget, keys)
    managers = [Manager(Client(widgets(name))) for name in "ab"]
    for manager in managers:
        manager.add(controller)
    async with managers[0].running(), managers[1].running():
        await asyncio.sleep(1)
    assert sorted(keys.calls) == ["shop/a", "shop/b"]


async def test_controllers_of_one_kind_share_its_watch_and_not_its_queue() -> None:
    async def fail(request: Request, ctx: Context) -> None:
        raise ValueError

    server, one, two = widgets("a"), Keys(fail), Keys()
    manager = manager_of(server, one)
    manager.add(Controller(Widget, two, name="two"))
    async with manager.running():
        await asyncio.sleep(1)
    assert len(two.calls) == 1
    assert len(one.calls) > 5
    assert len([query for query in server.watches if "sendInitialEvents" in query]) == 1


def test_an_election_with_times_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError):
        LeaderElection("x", lease_duration=timedelta(seconds=5), renew_deadline=timedelta(seconds=10))
