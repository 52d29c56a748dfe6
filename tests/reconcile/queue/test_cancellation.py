"""A cancelled `get` loses no key, whenever the cancellation comes."""

import asyncio
import contextlib
from random import Random

import anyio
import pytest

from kubernaut.reconcile.queue import Queue
from tests.reconcile.queue.helpers import is_over, now, settle

pytestmark = pytest.mark.virtual_time


async def test_a_getter_cancelled_while_it_waits_leaves_the_key_to_the_next() -> None:
    queue = Queue[str]()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    queue.add("a")
    assert await second == "a"


async def test_a_getter_cancelled_after_it_was_woken_passes_the_key_on() -> None:
    queue = Queue[str]()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await settle()
    queue.add("a")
    first.cancel()
    assert await second == "a"
    assert first.cancelled()


async def test_a_getter_cancelled_just_before_the_key_comes_is_passed_over() -> None:
    queue = Queue[str]()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await settle()
    first.cancel()
    queue.add("a")
    assert await second == "a"
    assert first.cancelled()


async def test_with_no_other_getter_the_key_stays_ready() -> None:
    queue = Queue[str]()
    getter = asyncio.create_task(queue.get())
    await settle()
    queue.add("a")
    getter.cancel()
    await settle()
    assert getter.cancelled() and len(queue) == 1
    assert await queue.get() == "a"


async def test_a_get_that_need_not_wait_takes_no_notice_of_a_cancellation_until_it_has_returned() -> None:
    queue, got = Queue[str](), list[str]()
    queue.add("a")

    async def worker() -> None:
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        got.append(await queue.get())
        await asyncio.sleep(1)

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.create_task(worker())
    assert got == ["a"]


async def test_a_time_out_at_the_very_moment_a_key_falls_due_loses_nothing() -> None:
    for timeout in (asyncio.timeout, anyio.fail_after):
        queue = Queue[str]()
        queue.add_after("a", 5)
        got: str | None = None
        with contextlib.suppress(TimeoutError):
            async with contextlib.AsyncExitStack() as stack:
                scope = timeout(5)
                if isinstance(scope, contextlib.AbstractAsyncContextManager):
                    await stack.enter_async_context(scope)
                else:
                    stack.enter_context(scope)
                got = await queue.get()
        await settle()
        assert (got == "a") != (len(queue) == 1)


async def test_a_key_that_a_newcomer_takes_leaves_the_woken_getter_waiting_for_the_next() -> None:
    queue = Queue[str]()
    waiting = asyncio.create_task(queue.get())
    await settle()
    queue.add("a")
    assert await queue.get() == "a"
    await settle()
    assert not waiting.done()
    queue.add("b")
    assert await waiting == "b"


async def test_getters_are_served_in_the_order_in_which_they_came() -> None:
    queue = Queue[str]()
    getters = [asyncio.create_task(queue.get()) for _ in range(5)]
    await settle()
    for key in "abcde":
        queue.add(key)
    assert await asyncio.gather(*getters) == list("abcde")


async def test_getters_that_give_up_leave_nothing_behind() -> None:
    queue = Queue[str]()
    for _ in range(1000):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await queue.get()
    assert len(queue._getters._waiting) == 0


async def test_a_getter_cancelled_at_a_shut_down_holds_up_nobody() -> None:
    queue = Queue[str]()
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(is_over(queue))
    await settle()
    first.cancel()
    queue.close()
    assert await second
    assert first.cancelled()


async def test_every_key_is_handed_out_exactly_once_among_getters_that_are_cancelled_at_random() -> None:
    queue, random, handled = Queue[str](), Random(11), list[str]()

    async def worker() -> None:
        while True:
            key = await queue.get()
            handled.append(key)
            queue.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(8)]
    for number in range(2000):
        queue.add(str(number))
        for _ in range(random.randrange(3)):
            chosen = random.randrange(8)
            workers[chosen].cancel()
            await asyncio.sleep(0) if random.random() < 0.5 else None
            workers[chosen] = asyncio.create_task(worker())
        if random.random() < 0.3:
            await settle()
    await settle()
    assert sorted(handled) == sorted(str(number) for number in range(2000))
    assert now() == 0
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
