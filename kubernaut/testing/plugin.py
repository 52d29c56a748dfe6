"""The pytest plugin: the fixture `cluster`, virtual time for the tests that take it, and the check for leaked tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import pytest
import pytest_asyncio

from kubernaut.testing.virtualtime import VirtualTimeLoop
from kubernaut.timing import virtual_time

if TYPE_CHECKING:
    from kubernaut.fake import FakeCluster

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LoopScope = Literal["function", "class", "module", "package", "session"]

# Turns of the loop in which tasks that are ending may end.
LAST_TURNS = 10
STOP_LIMIT = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini option that checks every asyncio test for leaked tasks."""
    parser.addini(
        "kubernaut_no_leaked_tasks", "fail each asyncio test that leaves tasks behind", type="bool", default=False
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marks."""
    config.addinivalue_line("markers", "virtual_time: run this asyncio test on an event loop in virtual time.")
    config.addinivalue_line("markers", "cluster(**options): options of FakeCluster for the fixture `cluster`.")


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
    """The virtual loop for the tests that want it, for others what they had."""
    factories = yield
    if _wants_virtual_time(item):
        return {"virtual": VirtualTimeLoop}
    # pytest-asyncio takes None from this hook for a mistake, even where no other plugin implements it.
    return {"default": asyncio.new_event_loop} if factories is None else factories


def _wants_virtual_time(item: pytest.Item) -> bool:
    if item.get_closest_marker("virtual_time") is not None:
        return True
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
async def cluster(request: pytest.FixtureRequest, no_leaked_tasks: None) -> AsyncIterator[FakeCluster]:
    """An in-memory cluster in virtual time; ``@pytest.mark.cluster(rbac=True)`` passes options to FakeCluster.

    The test fails when it leaves tasks behind.
    """
    from kubernaut.fake import FakeCluster  # the fake is an extra: the plugin must load without it

    if virtual_time() is None:
        raise pytest.UsageError("the fixture `cluster` is for async tests (with loop_scope 'function')")
    mark = request.node.get_closest_marker("cluster")
    options = dict(mark.kwargs) if mark else {}
    started: asyncio.Future[FakeCluster] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def live() -> None:
        async with FakeCluster(**options) as fake:
            started.set_result(fake)
            await stop.wait()

    # The set-up and the teardown of a fixture run in two tasks, and a task group must be left by the task that
    # entered it.
    task = asyncio.create_task(live(), name="fixture cluster")
    await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        await task
    yield started.result()
    stop.set()
    await task


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
    """With the ini option, every asyncio test is checked, after all its other fixtures are gone."""
    if not config.getini("kubernaut_no_leaked_tasks"):
        return
    for item in items:
        if pytest_asyncio.is_async_test(item) and "no_leaked_tasks" not in item.fixturenames:
            item.fixturenames.insert(0, "no_leaked_tasks")
