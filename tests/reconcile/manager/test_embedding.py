"""A manager within a host's own program: it starts and stops cleanly and touches nothing that is not its own."""

import asyncio
import contextvars
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import structlog

from kubernaut.client import Client
from kubernaut.reconcile import Context, Controller, Manager, Request
from kubernaut.reconcile.running.manager import ManagerRun
from tests.reconcile.scripted import Keys, Scripted, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

HOST = contextvars.ContextVar("HOST", default="unset")


def open_files() -> int:
    """File descriptors of this process: files, sockets and pipes."""
    return len(os.listdir("/proc/self/fd"))


def one_widget() -> Server:
    server = Server()
    server.put("widgets", widget("a"))
    return server


@pytest.mark.virtual_time
async def test_a_thousand_managers_start_and_stop_in_one_process_without_leaving_anything_behind() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Ready"
        ctx.events.event(obj, "Ready", "it is")

    server = one_widget()
    files, threads = open_files(), threading.active_count()
    tasks = len(asyncio.all_tasks())
    runs: list[weakref.ref[ManagerRun]] = []
    for number in range(1000):
        reconciler = Scripted(do)
        manager = manager_of(server, reconciler)
        async with manager.running():
            if number % 100 == 0:
                await asyncio.sleep(1)
                assert reconciler.calls
            assert manager._run is not None
            runs.append(weakref.ref(manager._run))
        assert len(asyncio.all_tasks()) == tasks
    assert (open_files(), threading.active_count()) == (files, threads)
    del manager
    gc.collect()
    assert sum(run() is not None for run in runs) == 0


@pytest.mark.virtual_time
async def test_many_managers_run_at_once_on_one_loop() -> None:
    servers = [one_widget() for _ in range(100)]
    keys = [Keys() for _ in servers]
    managers = [manager_of(server, key) for server, key in zip(servers, keys, strict=True)]
    tasks = len(asyncio.all_tasks())
    running = [asyncio.create_task(manager.run()) for manager in managers]
    await asyncio.sleep(5)
    assert [key.calls for key in keys] == [["shop/a"]] * 100
    for manager in managers:
        manager.stop()
    await asyncio.gather(*running)
    assert len(asyncio.all_tasks()) == tasks


@pytest.mark.virtual_time
async def test_a_running_manager_installs_no_signal_handlers_and_no_hooks() -> None:
    numbers = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]

    def state() -> list[Any]:
        loop = asyncio.get_running_loop()
        hooks: list[Any] = [sys.excepthook, sys.unraisablehook, threading.excepthook, loop.get_exception_handler()]
        return [*hooks, loop.get_task_factory(), *(signal.getsignal(number) for number in numbers)]

    before = state()
    async with manager_of(one_widget(), Keys()).running():
        await asyncio.sleep(1)
        assert state() == before
    assert state() == before


@pytest.mark.virtual_time
async def test_a_running_manager_configures_no_logging_and_leaves_structlogs_defaults() -> None:
    def state() -> list[Any]:
        root, own = logging.getLogger(), logging.getLogger("kubernaut")
        loggers = [(logger.level, list(logger.handlers), logger.propagate, logger.disabled) for logger in (root, own)]
        return [*loggers, structlog.is_configured(), structlog.get_config(), logging.raiseExceptions]

    before = state()
    async with manager_of(one_widget(), Keys()).running():
        await asyncio.sleep(1)
        assert state() == before
    assert state() == before


@pytest.mark.virtual_time
async def test_the_hosts_context_variables_are_seen_and_left_as_they_are() -> None:
    async def do(request: Request, ctx: Context) -> None:
        seen.append((HOST.get(), structlog.contextvars.get_contextvars().get("host")))
        HOST.set("changed by a reconcile")
        structlog.contextvars.bind_contextvars(host="changed by a reconcile")

    seen: list[Any] = []
    HOST.set("mine")
    with structlog.contextvars.bound_contextvars(host="mine"):
        before = dict(contextvars.copy_context().items())
        async with manager_of(one_widget(), Keys(do)).running():
            await asyncio.sleep(1)
            during = dict(contextvars.copy_context().items())
    ours = [key for key in before if key.name == "HOST" or key.name.startswith("structlog")]
    assert seen == [("mine", "mine")]
    assert HOST.get() == "mine"
    assert {key: during[key] for key in ours} == {key: before[key] for key in ours}


@pytest.mark.virtual_time
async def test_a_reconcile_leaves_no_context_variables_of_the_runtime_to_the_next() -> None:
    async def do(request: Request, ctx: Context) -> None:
        seen.append(structlog.contextvars.get_contextvars())

    seen: list[dict[str, Any]] = []
    server = one_widget()
    server.put("widgets", widget("b"))
    async with manager_of(server, Keys(do)).running():
        await asyncio.sleep(1)
    assert [keys["object"] for keys in seen] == ["shop/a", "shop/b"]
    assert seen[0]["reconcile_id"] != seen[1]["reconcile_id"]
    assert "reconcile_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.virtual_time
async def test_a_manager_runs_within_the_hosts_own_task_group() -> None:
    keys = Keys()
    manager = manager_of(one_widget(), keys)
    async with asyncio.TaskGroup() as group:
        group.create_task(manager.run())
        await asyncio.sleep(5)
        manager.stop()
    assert keys.calls == ["shop/a"]


@pytest.mark.virtual_time
async def test_a_manager_within_a_timeout_of_the_hosts_stops_in_order() -> None:
    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(8)
        finished.append(request)

    finished: list[Request] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await manager_of(one_widget(), Keys(do)).run()
    assert len(finished) == 1


@pytest.mark.virtual_time
async def test_clients_are_left_open() -> None:
    class Counting(Server):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    server = Counting()
    server.put("widgets", widget("a"))
    manager = Manager(Client(server))
    manager.add(Controller(Widget, Keys()))
    async with manager.running():
        await asyncio.sleep(1)
    assert server.closed == 0


def test_a_manager_runs_in_a_thread_of_its_own_on_an_ordinary_loop() -> None:
    calls: list[str] = []

    async def program() -> None:
        keys = Keys()
        async with manager_of(one_widget(), keys).running():
            while not keys.calls:
                await asyncio.sleep(0)
        calls.extend(keys.calls)

    thread = threading.Thread(target=lambda: asyncio.run(program()))
    thread.start()
    thread.join(timeout=30)
    assert calls == ["shop/a"]


def test_a_manager_runs_on_one_loop_after_the_other() -> None:
    keys = Keys()
    manager = manager_of(one_widget(), keys)

    async def program() -> None:
        before = len(keys.calls)
        async with manager.running():
            while len(keys.calls) == before:
                await asyncio.sleep(0)

    for times in (1, 2, 3):
        asyncio.run(program())
        assert len(keys.calls) == times


def test_a_host_that_configured_nothing_sees_no_output_of_a_quiet_manager(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio
        from tests.reconcile.scripted import Keys, manager_of
        from tests.reconcile.server import Server, widget

        async def main():
            server, keys = Server(), Keys()
            server.put("widgets", widget("a"))
            async with manager_of(server, keys).running():
                while not keys.calls:
                    await asyncio.sleep(0)

        asyncio.run(main())
        """
    )
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("", "")
