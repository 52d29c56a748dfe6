"""The pytest plugin: the fixture `cluster`, virtual time for the tests that take it, and the check for leaked tasks."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal

import pytest
import pytest_asyncio

from kubernaut.testing.clusters import choice
from kubernaut.testing.clusters.offsettime import OffsetTimeLoop
from kubernaut.testing.virtualtime import VirtualTimeLoop
from kubernaut.timing import virtual_time

if TYPE_CHECKING:
    from kubernaut.testing.clusters.face import Cluster

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LoopScope = Literal["function", "class", "module", "package", "session"]

# Turns of the loop in which tasks that are ending may end.
LAST_TURNS = 10
STOP_LIMIT = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which cluster there is, and the ini option that checks every asyncio test for leaked tasks."""
    choice.add_options(parser)
    parser.addini(
        "kubernaut_no_leaked_tasks", "fail each asyncio test that leaves tasks behind", type="bool", default=False
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marks, and a check of the options."""
    config.addinivalue_line("markers", "virtual_time: run this asyncio test on an event loop in virtual time.")
    choice.add_marks(config)
    choice.choose(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The end of the server that this session started."""
    choice.close(config)


# Virtual time.


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> None:
    """Let pytest-asyncio's strict mode run tests on virtual time that carry no `asyncio` mark."""
    function = inspect.unwrap(obj) if callable(obj) else None
    if not inspect.iscoroutinefunction(function) or not collector.funcnamefilter(name):
        return
    marks = {mark.name for mark in getattr(function, "pytestmark", ())}
    if "asyncio" in marks or collector.get_closest_marker("asyncio") is not None:
        return
    virtual = "virtual_time" in marks or collector.get_closest_marker("virtual_time") is not None
    takes = "cluster" in inspect.signature(function).parameters
    if virtual or (takes and _is_ours(collector.session._fixturemanager.getfixturedefs("cluster", collector))):
        pytest.mark.asyncio(loop_scope="function")(obj)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Generator[None, Mapping[str, LoopFactory] | None, Mapping[str, LoopFactory]]:
    """The virtual loop for the tests that want it, for those of a real cluster one in real time, for others theirs."""
    factories = yield
    if _takes_cluster(item) and not choice.chosen(item.config).is_fake:
        return {"offset": OffsetTimeLoop}
    if _takes_cluster(item) or item.get_closest_marker("virtual_time") is not None:
        return {"virtual": VirtualTimeLoop}
    # pytest-asyncio takes None from this hook for a mistake, even where no other plugin implements it.
    return {"default": asyncio.new_event_loop} if factories is None else factories


def _takes_cluster(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    return info is not None and _is_ours(info.name2fixturedefs.get("cluster"))


def _is_ours(definitions: Any) -> bool:
    # The last definition is the one in effect; it reaches the one before only by taking the name itself. A fixture of
    # the user's that happens to have the same name is none of our business.
    for definition in reversed(definitions or ()):
        if _from_here(definition):
            return True
        if "cluster" not in definition.argnames:
            return False
    return False


def _from_here(definition: Any) -> bool:
    return getattr(inspect.unwrap(definition.func), "__module__", None) == __name__


@pytest_asyncio.fixture(loop_scope="function")
async def cluster(request: pytest.FixtureRequest, no_leaked_tasks: None) -> AsyncIterator[Cluster]:
    """A cluster: in memory and in virtual time, or the one that ``--cluster`` chooses.

    ``@pytest.mark.cluster(rbac=True)`` passes options to FakeCluster. The test fails when it leaves tasks behind.
    """
    if virtual_time() is None:
        raise pytest.UsageError("the fixture `cluster` is for async tests (with loop_scope 'function')")
    mark = request.node.get_closest_marker("cluster")
    made = _made(request.config, dict(mark.kwargs) if mark else {})
    started: asyncio.Future[Cluster] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def live() -> None:
        async with made as running:
            started.set_result(running)
            await stop.wait()

    # The set-up and the teardown of a fixture run in two tasks, and a task group must be left by the task that
    # entered it.
    task = asyncio.create_task(live(), name="fixture cluster")
    await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        await task
    old = None
    try:
        old = await _too_old(request.node, started.result())
        if old is None:
            yield started.result()
    finally:
        stop.set()
        await task
    if old is not None:
        pytest.skip(old)


async def _too_old(item: pytest.Item, running: Cluster) -> str | None:
    if item.get_closest_marker("server_from") is None:
        return None
    found = json.loads((await running.client.request("GET", "/version")).body)
    # Some providers write "30+".
    return choice.wants_newer(item, (int(found["major"]), int(found["minor"].rstrip("+"))))


def _made(config: pytest.Config, options: dict[str, Any]) -> AbstractAsyncContextManager[Cluster]:
    # Both are extras: the plugin must load without them.
    if choice.chosen(config).is_fake:
        from kubernaut.fake import FakeCluster

        return FakeCluster(**options)
    from kubernaut.testing.clusters.real import RealCluster

    return RealCluster(choice.shared_backend(config), **options)


# Leaked tasks.


def _task_watch(scope: LoopScope) -> Any:
    @pytest_asyncio.fixture(loop_scope=scope, name=f"_kubernaut_task_watch_{scope}")
    async def watch() -> AsyncIterator[None]:
        before = asyncio.all_tasks()
        yield
        for _ in range(LAST_TURNS):
            leaked = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
            if not leaked:
                return
            await asyncio.sleep(0)
        names = sorted(f"{task.get_name()}: {_place(task)}" for task in leaked)
        for task in leaked:
            task.cancel()
        await asyncio.wait(leaked, timeout=STOP_LIMIT)
        pytest.fail("\n  ".join([f"the test left {len(leaked)} asyncio task(s) behind:", *names]), pytrace=False)

    return watch


def _place(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    stack = task.get_stack(limit=1)
    return f"{name} at {stack[-1].f_code.co_filename}:{stack[-1].f_lineno}" if stack else name


_watch_function = _task_watch("function")
_watch_class = _task_watch("class")
_watch_module = _task_watch("module")
_watch_package = _task_watch("package")
_watch_session = _task_watch("session")


@pytest.fixture
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Fail an asyncio test that leaves tasks behind on its event loop; other tests pass by.

    For every test of a suite: ``kubernaut_no_leaked_tasks = true`` in pytest's ini options, or
    ``@pytest.mark.usefixtures("no_leaked_tasks")`` on some.
    """
    if not pytest_asyncio.is_async_test(request.node):
        return
    mark = request.node.get_closest_marker("asyncio")
    chosen = (mark.kwargs.get("loop_scope") or mark.kwargs.get("scope")) if mark else None
    scope = chosen or request.config.getini("asyncio_default_test_loop_scope")
    request.getfixturevalue(f"_kubernaut_task_watch_{scope}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what the chosen cluster cannot show; with the ini option, check every asyncio test for leaked tasks.

    They are checked after all their other fixtures are gone.
    """
    for item in items:
        if _takes_cluster(item):
            choice.skip_what_it_cannot_show(choice.chosen(config), item)
    if not config.getini("kubernaut_no_leaked_tasks"):
        return
    for item in items:
        if pytest_asyncio.is_async_test(item) and "no_leaked_tasks" not in item.fixturenames:
            item.fixturenames.insert(0, "no_leaked_tasks")
