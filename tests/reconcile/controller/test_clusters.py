"""Several clusters in one manager, added and removed while it runs."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut.client import Client, ObjectHead
from kubernaut.reconcile import Context, Controller, Manager, Request, Result, Watch
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, Scripted
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


class World:
    """A hub and two more clusters."""

    def __init__(self) -> None:
        self.hub, self.east, self.west = Server(), Server(), Server()

    def manager(self, *controllers: Controller) -> Manager:
        manager = Manager(Client(self.hub), graceful_timeout=timedelta(seconds=5))
        manager.add_cluster("east", Client(self.east))
        manager.add_cluster("west", Client(self.west))
        manager.add(*controllers)
        return manager


def settled_widget(name: str) -> dict[str, object]:
    return widget(name, status={"observedGeneration": 1})


async def test_a_request_names_its_cluster_and_the_context_is_that_clusters() -> None:
    world = World()
    for number, server in enumerate((world.hub, world.east, world.west)):
        server.put("widgets", widget("a", size=number))

    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = f"{ctx.request.cluster or 'hub'} {obj.spec.size}"
        assert ctx.cache.get(Widget, "a", "shop").spec.size == obj.spec.size

    async with world.manager(Controller(Widget, Scripted(do))).running():
        await asyncio.sleep(5)
    phases = [s.objects["widgets", "shop", "a"]["status"]["phase"] for s in (world.hub, world.east, world.west)]
    assert phases == ["hub 0", "east 1", "west 2"]


async def test_keys_of_the_same_name_in_two_clusters_are_two_keys() -> None:
    world, keys = World(), Keys()
    world.east.put("widgets", settled_widget("a"))
    world.west.put("widgets", settled_widget("a"))
    async with world.manager(Controller(Widget, keys, max_concurrent=4)).running():
        await asyncio.sleep(1)
    assert sorted(keys.calls) == ["east:shop/a", "west:shop/a"]


async def test_a_controller_chooses_its_clusters() -> None:
    world, keys = World(), Keys()
    for server in (world.hub, world.east, world.west):
        server.put("widgets", settled_widget("a"))
    async with world.manager(Controller(Widget, keys, clusters=lambda name: name.startswith("w"))).running():
        await asyncio.sleep(1)
    assert keys.calls == ["west:shop/a"]
    assert not world.east.requests


async def test_a_hub_controller_watches_members_and_writes_to_them() -> None:
    world = World()
    world.hub.put("widgets", settled_widget("a"))

    def to_hub(head: ObjectHead) -> list[Request]:
        return [Request("shop", head.name)]

    async def do(request: Request, ctx: Context) -> None:
        assert list(ctx.clusters) == ["", "east", "west"]
        for name in ("east", "west"):
            member = ctx.clusters[name]
            if not len(member.cache.list(ConfigMap)):
                await member.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="shop")))

    keys = Keys(do)
    watch = Watch(ConfigMap, to=to_hub, clusters=lambda name: name != "", to_cluster="")
    controller = Controller(Widget, keys, clusters=lambda name: name == "", watches=[watch])
    async with world.manager(controller).running():
        await asyncio.sleep(5)
        assert ("configmaps", "shop", "a") in world.east.objects
        assert ("configmaps", "shop", "a") in world.west.objects
        calls = len(keys.calls)
        world.west.remove("configmaps", "shop", "a")
        await asyncio.sleep(5)
        assert ("configmaps", "shop", "a") in world.west.objects
    assert calls < len(keys.calls)
    assert set(keys.calls) == {"shop/a"}


async def test_own_writes_to_another_cluster_are_awaited() -> None:
    world = World()
    world.hub.put("widgets", settled_widget("a"))

    async def do(request: Request, ctx: Context) -> None:
        member = ctx.clusters["east"]
        if len(keys.calls) == 1:
            world.east.paused = True
            await member.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="shop")))
            world.hub.put("widgets", {**world.hub.objects["widgets", "shop", "a"], "spec": {"size": 5}})
        else:
            assert len(member.cache.list(ConfigMap)) == 1

    keys = Keys(do)
    watch = Watch(ConfigMap, to=lambda head: [], clusters=lambda name: name == "east", to_cluster="")
    async with world.manager(Controller(Widget, keys, clusters=lambda name: name == "", watches=[watch])).running():
        await asyncio.sleep(15)
        assert len(keys.calls) == 1
        world.east.paused = False
        world.east.poke()
        await asyncio.sleep(1)
        assert len(keys.calls) == 2


async def test_a_cluster_is_added_and_removed_while_running() -> None:
    world, keys = World(), Keys()
    late = Server()
    late.put("widgets", settled_widget("a"))
    manager = world.manager(Controller(Widget, keys))
    async with manager.running():
        manager.add_cluster("late", Client(late))
        await asyncio.sleep(1)
        assert keys.calls == ["late:shop/a"]
        await manager.remove_cluster("late")
        late.put("widgets", settled_widget("b"))
        await asyncio.sleep(60)
        assert keys.calls == ["late:shop/a"]
        manager.add_cluster("late", Client(late))
        await asyncio.sleep(1)
        assert sorted(keys.calls[1:]) == ["late:shop/a", "late:shop/b"]


async def test_removing_a_cluster_waits_for_its_reconciles_in_flight_and_for_no_others() -> None:
    world = World()
    done: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(2 if request.cluster == "east" else 1000)
        done.append(request.cluster)

    for server in (world.east, world.west):
        server.put("widgets", settled_widget("a"))
    manager = world.manager(Controller(Widget, Keys(do), max_concurrent=2))
    async with manager.running():
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await manager.remove_cluster("east")
        assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.1)
    assert done == ["east"]


async def test_a_cluster_that_cannot_be_reached_does_not_hold_up_the_others() -> None:
    world, keys = World(), Keys()
    world.hub.put("widgets", settled_widget("a"))
    refuse(world.east, times=1_000_000)
    manager = world.manager(Controller(Widget, keys))
    async with manager.running(wait=False):
        await asyncio.sleep(60)
        assert "shop/a" in keys.calls
        assert len(manager.unsynced()) == 1
        assert manager.unsynced()[0].startswith("east: widgets.example.dev")


async def test_names_of_clusters_are_checked() -> None:
    manager = World().manager()
    with pytest.raises(ValueError, match="must not be empty"):
        manager.add_cluster("", Client(Server()))
    with pytest.raises(ValueError, match="named 'east' already"):
        manager.add_cluster("east", Client(Server()))
    with pytest.raises(ValueError, match="no cluster named 'north'"):
        await manager.remove_cluster("north")


async def test_a_cluster_removed_before_its_lists_are_complete_leaves_no_task_behind() -> None:
    world, keys = World(), Keys()
    world.hub.put("widgets", settled_widget("a"))
    unreachable = Server()
    refuse(unreachable, times=1_000_000)
    manager = world.manager(Controller(Widget, keys))
    async with manager.running(wait=False):
        await asyncio.sleep(1)
        before = len(asyncio.all_tasks())
        for seconds in (0, 1, 0, 5):
            manager.add_cluster("late", Client(unreachable))
            await asyncio.sleep(seconds)
            await manager.remove_cluster("late")
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == before
        world.hub.put("widgets", settled_widget("b"))
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/b"]


async def test_a_read_of_a_member_that_is_not_listed_yet_is_retried_not_answered_in_part() -> None:
    world = World()
    world.hub.put("widgets", settled_widget("a"))
    world.east.put("configmaps", {"kind": "ConfigMap", "metadata": {"name": "there", "namespace": "shop"}})
    refuse(world.east, times=3)
    counts: list[int] = []

    async def do(request: Request, ctx: Context) -> None:
        counts.append(len(ctx.clusters["east"].cache.list(ConfigMap)))

    watch = Watch(ConfigMap, to=lambda head: [], clusters=lambda name: name == "east", to_cluster="")
    controller = Controller(Widget, Keys(do), clusters=lambda name: name == "", watches=[watch])
    async with world.manager(controller).running(wait=False):
        await asyncio.sleep(60)
    assert counts
    assert set(counts) == {1}


async def test_removing_a_cluster_is_told_to_all_controllers_and_cuts_off_what_does_not_end() -> None:
    world, ended = World(), list[float]()
    world.east.put("widgets", settled_widget("a"))

    async def hang(request: Request, ctx: Context) -> None:
        try:
            await asyncio.sleep(10_000)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def again(request: Request, ctx: Context) -> Result:
        return Result(requeue_after=timedelta(seconds=5))

    other = Keys(again)
    manager = world.manager(Controller(Widget, Keys(hang), name="one"), Controller(Widget, other, name="two"))
    async with manager.running():
        await asyncio.sleep(1)
        began, tasks = asyncio.get_running_loop().time(), len(asyncio.all_tasks())
        await manager.remove_cluster("east")
        assert ended == [pytest.approx(began + 5, abs=0.1)]
        calls = len(other.calls)
        await asyncio.sleep(60)
        assert len(other.calls) == calls
        assert len(asyncio.all_tasks()) == tasks - 2  # the informer and the event recorder


async def test_a_cluster_added_again_while_it_is_removed_is_worked_in_by_all_controllers() -> None:
    world = World()
    world.east.put("widgets", settled_widget("a"))

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(2)

    one, two = Keys(do), Keys(do)
    manager = world.manager(Controller(Widget, one, name="one"), Controller(Widget, two, name="two"))
    async with manager.running():
        await asyncio.sleep(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.remove_cluster("east"))
            await asyncio.sleep(0.5)
            manager.add_cluster("east", Client(world.east))
        await asyncio.sleep(10)
        world.east.put("widgets", settled_widget("b"))
        await asyncio.sleep(10)
        assert manager.unsynced() == []
    assert one.calls[-1] == two.calls[-1] == "east:shop/b"


async def test_a_cluster_added_during_the_start_is_started_once() -> None:
    late, keys = Server(), Keys()
    late.put("widgets", settled_widget("a"))
    manager = Manager(Client(Server()), metrics_bind="127.0.0.1:0")
    manager.add(Controller(Widget, keys))
    async with asyncio.TaskGroup() as group:
        group.create_task(manager.run())
        while manager._run is None:  # it waits for its server to listen
            await asyncio.sleep(0)
        manager.add_cluster("late", Client(late))
        await asyncio.sleep(5)
        manager.stop()
    assert keys.calls == ["late:shop/a"]
    assert len(late.watches) == 1


async def test_a_cluster_added_during_the_stop_is_not_started() -> None:
    world, late = World(), Server()
    world.hub.put("widgets", settled_widget("a"))

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(4)

    manager = world.manager(Controller(Widget, Keys(do)))
    async with asyncio.TaskGroup() as group:
        group.create_task(manager.run())
        await asyncio.sleep(1)
        manager.stop()
        await asyncio.sleep(1)
        manager.add_cluster("late", Client(late))
        await asyncio.sleep(1)
        await manager.remove_cluster("late")
    assert not late.requests


async def test_a_cluster_that_comes_or_goes_wakes_the_objects_of_the_hub() -> None:
    world, late = World(), Server()
    world.hub.put("widgets", settled_widget("a"))
    seen: list[list[str]] = []

    async def do(request: Request, ctx: Context) -> None:
        seen.append(list(ctx.clusters))
        for member in ctx.clusters.values():
            if member.name:
                member.cache.list(ConfigMap)

    watch = Watch(ConfigMap, to=lambda head: [], clusters=lambda name: name != "", to_cluster="")
    manager = world.manager(Controller(Widget, Keys(do), clusters=lambda name: name == "", watches=[watch]))
    async with manager.running():
        await asyncio.sleep(1)
        manager.add_cluster("late", Client(late))
        await asyncio.sleep(60)
        await manager.remove_cluster("late")
        await asyncio.sleep(60)
    assert seen == [["", "east", "west"], ["", "east", "west", "late"], ["", "east", "west"]]


async def test_a_cluster_that_comes_wakes_nothing_of_a_controller_that_works_in_each_by_itself() -> None:
    world, keys = World(), Keys()
    world.hub.put("widgets", settled_widget("a"))
    manager = world.manager(Controller(Widget, keys))
    async with manager.running():
        manager.add_cluster("late", Client(Server()))
        await asyncio.sleep(60)
    assert keys.calls == ["shop/a"]


async def test_a_reconcile_that_awaits_goes_through_the_clusters_there_were_at_its_begin() -> None:
    world = World()
    world.hub.put("widgets", settled_widget("a"))
    seen: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        for name in ctx.clusters:
            await asyncio.sleep(1)
            seen.append(name)

    manager = world.manager(Controller(Widget, Keys(do)))
    async with manager.running():
        await asyncio.sleep(0.5)
        manager.add_cluster("late", Client(Server()))
        await manager.remove_cluster("west")
        await asyncio.sleep(5)
    assert seen == ["", "east", "west"]


async def test_a_cluster_that_cannot_be_reached_is_shown_and_does_not_decide_readiness() -> None:
    world = World()
    refuse(world.east, times=1_000_000)
    manager = world.manager(Controller(Widget, Keys()))
    async with manager.running(wait=False):
        await asyncio.sleep(60)
        assert await manager.readyz.run() == {"informers": None}
        assert manager.readyz.facts()["clusters"].startswith("east: widgets.example.dev")


async def test_a_removal_that_is_cancelled_cuts_off_at_once_and_leaves_nothing_behind() -> None:
    world = World()
    world.east.put("widgets", settled_widget("a"))

    async def hang(request: Request, ctx: Context) -> None:
        await asyncio.sleep(10_000)

    keys = Keys(hang)
    manager = world.manager(Controller(Widget, keys))
    async with manager.running():
        await asyncio.sleep(1)
        tasks = len(asyncio.all_tasks())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await manager.remove_cluster("east")
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == tasks - 2  # the informer and the event recorder
        world.hub.put("widgets", settled_widget("b"))
        await asyncio.sleep(1)
    assert keys.calls == ["east:shop/a", "shop/b"]
