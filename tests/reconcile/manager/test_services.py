"""Services of a manager: restarted when they crash, ended in order, and loud when they cannot go on."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from kubernaut.client import Client
from kubernaut.reconcile import Manager
from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget

pytestmark = pytest.mark.virtual_time


def manager_with(*bodies: Callable[[], Awaitable[None]], server: Server | None = None) -> Manager:
    manager = manager_of(server or Server(), Keys())
    for number, body in enumerate(bodies):
        manager.add_service(f"service-{number}", body)
    return manager


async def test_a_service_runs_with_the_manager_and_is_cancelled_when_it_stops() -> None:
    notes: list[str] = []

    async def body() -> None:
        notes.append("started")
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("ended")

    manager = manager_with(body)
    async with manager.running():
        await asyncio.sleep(1)
        assert notes == ["started"]
    assert notes == ["started", "ended"]


async def test_a_service_that_returns_has_done_its_work() -> None:
    notes: list[float] = []

    async def body() -> None:
        notes.append(asyncio.get_running_loop().time())

    async with manager_with(body).running():
        await asyncio.sleep(3600)
    assert len(notes) == 1


async def test_a_service_that_crashes_is_started_again_with_back_off(caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []

    async def body() -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 5:
            raise ValueError("once more")
        await asyncio.Event().wait()

    async with manager_with(body).running():
        await asyncio.sleep(600)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 5
    for number, wait in enumerate(waits):
        assert 0.8 * 2**number <= wait <= 1.6 * 2**number
    assert caplog.text.count("a service crashed and is restarted") == 4


async def test_a_service_that_keeps_crashing_ends_the_manager_with_its_error(caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []

    async def body() -> None:
        times.append(asyncio.get_running_loop().time())
        raise LookupError("no such shelf")

    manager = manager_with(body)
    with pytest.raises(LookupError, match="no such shelf"):
        await manager.run()
    assert len(times) == 6
    assert "a service keeps crashing: the manager ends" in caplog.text


async def test_crashes_far_apart_do_not_add_up() -> None:
    crashes = 0

    async def body() -> None:
        nonlocal crashes
        await asyncio.sleep(600)
        crashes += 1
        raise ValueError

    async with manager_with(body).running():
        await asyncio.sleep(20 * 600)
    assert crashes > 15


async def cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def raise_cancelled() -> None:
    raise asyncio.CancelledError("my own")


@pytest.mark.parametrize("body", [cancel_itself, raise_cancelled])
async def test_a_service_that_lets_a_cancellation_escape_crashes_and_does_not_end_the_manager_silently(
    body: Callable[[], Awaitable[None]],
) -> None:
    with pytest.raises(RuntimeError, match="raised CancelledError though it was not cancelled"):
        await manager_with(body).run()


async def test_when_a_service_ends_the_manager_all_others_end_too_and_it_can_run_again() -> None:
    notes: list[str] = []

    async def broken() -> None:
        if "fixed" not in notes:
            raise ValueError

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("ended")

    manager = manager_with(waiting, broken)
    with pytest.raises(ValueError):
        await manager.run()
    assert notes == ["ended"]
    notes.append("fixed")
    async with manager.running():
        await asyncio.sleep(1)
    assert notes == ["ended", "fixed", "ended"]


async def test_services_end_in_reverse_order_and_before_the_caches() -> None:
    notes: list[Any] = []

    def service(name: str) -> Callable[[], Awaitable[None]]:
        async def body() -> None:
            notes.append(f"{name} starts")
            try:
                await asyncio.Event().wait()
            finally:
                notes.append(f"{name} ends with {len(manager.cache.informers)} cache")

        return body

    manager = manager_with(service("one"), service("two"))
    async with manager.running():
        await asyncio.sleep(1)
    assert notes == ["one starts", "two starts", "two ends with 1 cache", "one ends with 1 cache"]


async def test_a_service_may_use_what_the_manager_has() -> None:
    found: list[str] = []

    async def body() -> None:
        await manager.synced()
        found.extend(head.name for head in manager.cache.heads(manager.controllers[0].kind))

    server = Server()
    server.put("widgets", widget("a"))
    manager = manager_with(body, server=server)
    async with manager.running():
        await asyncio.sleep(1)
    assert found == ["a"]


async def test_a_manager_of_services_alone_runs_until_it_is_stopped() -> None:
    notes: list[str] = []

    async def body() -> None:
        notes.append("ran")

    manager = Manager(Client(Server()))
    manager.add_service("one", body)
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(60)
    assert not running.done()
    manager.stop()
    await running
    assert notes == ["ran"]


async def test_names_of_services_are_unique_and_none_is_added_while_running() -> None:
    async def body() -> None: ...

    manager = manager_with(body)
    with pytest.raises(ValueError, match="a service named 'service-0' already"):
        manager.add_service("service-0", body)
    async with manager.running():
        with pytest.raises(RuntimeError, match="services cannot be added to a manager that is running"):
            manager.add_service("late", body)
    manager.add_service("late", body)
