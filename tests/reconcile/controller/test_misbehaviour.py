"""Reconciles that misbehave: they hang, answer nonsense, are cancelled, or raise in groups. No worker is lost."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.reconcile import Context, Request, Result, TerminalError
from tests.reconcile.controller.keys import calls_after, one_widget
from tests.reconcile.scripted import Keys
from tests.reconcile.server import widget

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("nonsense", ["later", 5, True, timedelta(seconds=5)])
async def test_a_nonsensical_answer_is_an_error_that_names_it(
    nonsense: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def do(request: Request, ctx: Context) -> Any:
        return nonsense if len(keys.calls) == 1 else None

    keys = Keys(do)
    assert len(await calls_after(60, keys)) == 2
    assert repr(nonsense) in caplog.text
    assert "must return a Result or None" in caplog.text


async def test_a_hanging_reconcile_is_cancelled_counted_as_failed_and_loses_no_worker() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if request.name == "a":
            await asyncio.Event().wait()

    server, keys = one_widget(), Keys(do)
    server.put("widgets", widget("b", status={"observedGeneration": 1}))
    await calls_after(25, keys, server, reconcile_timeout=timedelta(seconds=10))
    assert keys.calls == ["shop/a", "shop/b", "shop/a", "shop/a"]


async def test_a_timeout_within_the_reconcile_is_its_own_affair() -> None:
    async def do(request: Request, ctx: Context) -> None:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(5)
        except TimeoutError:
            return

    assert await calls_after(60, Keys(do), reconcile_timeout=timedelta(seconds=10)) == ["shop/a"]


@pytest.mark.parametrize("nonsense", [5, 1.5, "1m", object()])
def test_a_result_refuses_what_is_no_time_span_or_priority(nonsense: Any) -> None:
    with pytest.raises(TypeError, match="it must be a timedelta"):
        Result(requeue_after=nonsense)
    if not isinstance(nonsense, int):
        with pytest.raises(TypeError, match="it must be an int"):
            Result(priority=nonsense)


async def test_a_result_made_of_nonsense_is_an_error_of_that_reconcile_and_no_worker_is_lost() -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        wait: Any = 5
        return Result(requeue_after=wait) if len(keys.calls) < 3 else None

    keys = Keys(do)
    assert len(await calls_after(60, keys)) == 3


async def cancel_now() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def cancel_later() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancel_and_swallow() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await cancel_now()


async def await_a_cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(5))
    task.cancel()
    await task


@pytest.mark.parametrize("cancel", [cancel_now, cancel_later, await_a_cancelled_task])
@pytest.mark.parametrize("timeout", [None, timedelta(seconds=30)])
async def test_a_cancellation_that_a_reconcile_lets_escape_is_an_error_and_loses_no_worker(
    cancel: Any, timeout: timedelta | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        if len(keys.calls) < 4:
            await cancel()
        return Result(requeue_after=timedelta(seconds=20)) if len(keys.calls) < 6 else None

    keys = Keys(do)
    await calls_after(100, keys, reconcile_timeout=timeout)
    assert keys.waits == [0.005, 0.01, 0.02, 20, 20]
    assert "raised CancelledError though it was not cancelled" in caplog.text


async def test_a_cancellation_that_a_reconcile_swallows_is_its_own_affair() -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        await cancel_and_swallow()
        return Result(requeue_after=timedelta(seconds=20)) if len(keys.calls) < 3 else None

    keys = Keys(do)
    await calls_after(100, keys)
    assert keys.waits == [20, 20]
    assert keys.attempts == [1, 1, 1]


async def test_a_timeout_that_a_reconcile_catches_to_clean_up_still_counts_as_failed() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) == 1:
            try:
                await asyncio.sleep(3600)
            finally:
                cleaned.append(asyncio.get_running_loop().time())

    cleaned: list[float] = []
    keys = Keys(do)
    await calls_after(60, keys, reconcile_timeout=timedelta(seconds=10))
    assert len(cleaned) == 1
    assert keys.attempts == [1, 2]
    assert keys.waits == [10.005]


async def test_an_error_from_a_task_group_counts_as_the_one_error_in_it() -> None:
    async def do(request: Request, ctx: Context) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(give_up())

    async def give_up() -> None:
        raise TerminalError("cannot be")

    assert await calls_after(3600, Keys(do)) == ["shop/a"]


async def test_several_errors_from_a_task_group_are_an_ordinary_error(caplog: pytest.LogCaptureFixture) -> None:
    async def do(request: Request, ctx: Context) -> None:
        if len(keys.calls) == 1:
            raise ExceptionGroup("both", [TerminalError("one"), ValueError("two")])

    keys = Keys(do)
    assert len(await calls_after(3600, keys)) == 2
