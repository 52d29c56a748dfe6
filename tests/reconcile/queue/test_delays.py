"""Delayed keys, case by case as in client-go's util/workqueue/delaying_queue_test.go, and how delays merge."""

import asyncio
import math
from itertools import pairwise

import pytest

from kubernaut.reconcile.queue import Queue
from tests.reconcile.queue.helpers import nothing_comes, now, settle, taken

pytestmark = pytest.mark.virtual_time


async def test_a_delayed_key_comes_when_its_delay_is_over_and_only_once() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 0.05)
    assert len(queue) == 0
    await asyncio.sleep(0.06)
    assert len(queue) == 1
    queue.done(await queue.get())
    assert await nothing_comes(queue, 10)


async def test_a_getter_that_waits_gets_a_delayed_key_at_the_moment_it_falls_due() -> None:
    queue, start = Queue[str](), now()
    queue.add_after("foo", 1)
    assert await queue.get() == "foo"
    assert now() - start == 1


async def test_the_earliest_due_time_wins_whichever_comes_first() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 0.05)
    queue.add_after("foo", 0.07)
    await asyncio.sleep(0.06)
    queue.done(await queue.get())
    assert await nothing_comes(queue, 0.02)

    queue.add_after("foo", 0.05)
    queue.add_after("foo", 0.03)
    assert len(queue) == 0
    await asyncio.sleep(0.04)
    assert len(queue) == 1
    queue.done(await queue.get())
    assert await nothing_comes(queue, 100)


async def test_a_later_key_with_a_shorter_delay_comes_earlier() -> None:
    queue, start = Queue[str](), now()
    queue.add_after("foo", 1)
    queue.add_after("bar", 0.05)
    assert await queue.get() == "bar"
    queue.add_after("baz", 2)
    assert await queue.get() == "foo"
    assert now() - start == 1
    assert await queue.get() == "baz"
    assert now() - start == pytest.approx(2.05)


async def test_delayed_keys_that_nobody_took_come_in_the_order_in_which_they_fell_due() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 1)
    queue.add_after("bar", 0.5)
    queue.add_after("baz", 0.25)
    await asyncio.sleep(2)
    assert len(queue) == 3
    assert await taken(queue, 3) == ["baz", "bar", "foo"]


@pytest.mark.parametrize("delay", [0, -1, -math.inf, math.nan])
async def test_a_delay_that_is_not_above_zero_adds_now(delay: float) -> None:
    queue, start = Queue[str](), now()
    queue.add_after("a", delay)
    assert await queue.get() == "a"
    assert now() == start


async def test_an_endless_delay_holds_up_no_other_key() -> None:
    queue = Queue[str]()
    queue.add_after("never", math.inf)
    queue.add_after("a", 86_400 * 400)
    assert await queue.get() == "a"
    assert await nothing_comes(queue, 1000)


async def test_a_plain_add_absorbs_the_pending_delay_so_no_second_run_follows() -> None:
    """client-go runs the key once more when the delay is over: a known wart, not copied."""
    queue = Queue[str]()
    queue.add_after("a", 5)
    queue.add("a")
    queue.done(await queue.get())
    assert await nothing_comes(queue, 100)


async def test_a_delay_given_to_a_dirty_key_ends_with_the_get_so_no_second_run_follows() -> None:
    queue = Queue[str]()
    queue.add("a")
    queue.add_after("a", 5)
    queue.done(await queue.get())
    assert await nothing_comes(queue, 100)


async def test_a_delay_given_to_a_ready_key_of_low_priority_does_not_put_it_off() -> None:
    queue, start = Queue[str](), now()
    queue.add("a", priority=-100)
    queue.add_after("a", 5)
    queue.done(await queue.get())
    assert now() == start
    assert await nothing_comes(queue, 100)


async def test_a_delay_given_to_a_key_that_is_dirty_in_process_merges_with_the_run_to_come() -> None:
    queue, start = Queue[str](), now()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add_after("a", 5)
    queue.done("a")
    queue.done(await queue.get())
    assert now() == start
    assert await nothing_comes(queue, 100)


async def test_an_add_absorbs_the_delay_of_a_key_in_process() -> None:
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    queue.add_after("a", 5)
    queue.add("a")
    queue.done("a")
    queue.done(await queue.get())
    assert await nothing_comes(queue, 100)


async def test_a_delay_given_in_process_counts_from_then_and_outlives_done() -> None:
    queue, start = Queue[str](), now()
    queue.add("a")
    await queue.get()
    queue.add_after("a", 5)
    await asyncio.sleep(2)
    queue.done("a")
    assert await queue.get() == "a"
    assert now() - start == 5


async def test_a_key_whose_delay_is_over_while_it_is_processed_comes_after_done() -> None:
    queue, start = Queue[str](), now()
    queue.add("a")
    await queue.get()
    queue.add_after("a", 5)
    assert await nothing_comes(queue, 8)
    queue.done("a")
    assert await queue.get() == "a"
    assert now() - start == 8


async def test_a_delayed_key_keeps_the_highest_priority_that_was_asked_for() -> None:
    queue = Queue[str]()
    queue.add_after("a", 5, priority=-100)
    queue.add_after("a", 9, priority=7)
    queue.add_after("a", 4, priority=-3)
    await queue.get()
    assert queue.priority_of("a") == 7


async def test_an_add_takes_over_the_priority_of_the_delay_that_it_absorbs() -> None:
    queue = Queue[str]()
    queue.add_after("a", 5, priority=7)
    queue.add("a")
    queue.add_after("b", 5, priority=-7)
    queue.add("b")
    await taken(queue, 2)
    assert (queue.priority_of("a"), queue.priority_of("b")) == (7, 0)


async def test_a_thousand_keys_due_at_once_leave_the_loop_its_turns() -> None:
    queue, start = Queue[str](), now()
    for number in range(10_000):
        queue.add_after(str(number), 5)
    await asyncio.sleep(5)
    seen = [len(queue)]
    while seen[-1] < 10_000:
        await asyncio.sleep(0)
        seen.append(len(queue))
    assert now() - start == 5
    steps = [after - before for before, after in pairwise(seen)]
    assert max([seen[0], *steps]) <= 1000
    assert await taken(queue, 10_000) == [str(number) for number in range(10_000)]


async def test_delays_that_keep_being_replaced_leave_no_timers_behind() -> None:
    """A key asked to come back in ten hours and triggered by an event every second, beside one that is always due."""
    queue = Queue[str]()
    queue.add_after("first", 1e9)
    for _ in range(2000):
        queue.add_after("a", 36_000)
        queue.add("a")
        queue.done(await queue.get())
    assert len(queue._delayed) == 1
    assert len(queue._delayed._entries) < 100
    await settle()
    handles = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert len(handles) == 1
    queue.close()
