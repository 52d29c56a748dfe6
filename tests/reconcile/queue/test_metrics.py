"""The queue's counters, case by case as in client-go's util/workqueue/metrics_test.go."""

import asyncio

import pytest

from kubernaut.reconcile.queue import Queue
from tests.reconcile.queue.helpers import now, taken

pytestmark = pytest.mark.virtual_time


async def test_counters_and_times_follow_a_key_through_two_runs() -> None:
    queue_times, work_times = list[float](), list[float]()
    queue = Queue[str](on_queue_time=queue_times.append, on_work_time=work_times.append)
    queue.add("foo")
    assert (queue.adds, queue.depth()) == (1, {0: 1})
    await asyncio.sleep(0.5)
    await queue.get()
    assert queue_times == pytest.approx([0.5])
    for _ in range(5):
        queue.add("foo")
    assert (queue.adds, queue.depth(), len(queue)) == (2, {0: 1}, 0)
    await asyncio.sleep(0.25)
    queue.done("foo")
    assert work_times == pytest.approx([0.25])
    assert (queue.depth(), len(queue)) == ({0: 1}, 1)
    await queue.get()
    assert queue_times == pytest.approx([0.5, 0.25])
    await asyncio.sleep(1)
    assert queue.unfinished(now()) == pytest.approx((1, 1))
    queue.done("foo")
    assert work_times == pytest.approx([0.25, 1])
    assert queue.unfinished(now()) == (0, 0)


async def test_unfinished_work_is_the_sum_and_the_longest_of_what_is_in_process() -> None:
    queue = Queue[str]()
    for key in "abc":
        queue.add(key)
    await queue.get()
    await asyncio.sleep(3)
    await queue.get()
    await asyncio.sleep(2)
    assert queue.unfinished(now()) == pytest.approx((7, 5))
    queue.done("a")
    assert queue.unfinished(now()) == pytest.approx((2, 2))
    assert queue.unfinished(now() - 100) == (0, 0)


async def test_unfinished_work_is_still_told_after_a_shut_down_and_nothing_runs_in_the_background() -> None:
    """client-go updates these gauges in a loop that must end at the shut-down; here they are computed when read."""
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    queue.close()
    await asyncio.sleep(3600)
    assert queue.unfinished(now()) == (3600, 3600)
    assert len(asyncio.all_tasks()) == 1


async def test_a_delayed_key_counts_as_added_and_waits_from_when_it_falls_due() -> None:
    queue_times = list[float]()
    queue = Queue[str](on_queue_time=queue_times.append)
    queue.add_after("a", 5)
    assert (queue.adds, queue.depth()) == (0, {})
    await asyncio.sleep(7)
    assert (queue.adds, queue.depth()) == (1, {0: 1})
    await queue.get()
    assert queue_times == pytest.approx([2])


async def test_a_delay_that_a_key_gets_while_it_is_ready_changes_no_counter() -> None:
    queue = Queue[str]()
    queue.add("a")
    queue.add_after("a", 5)
    assert (queue.adds, queue.depth(), queue.retries) == (1, {0: 1}, 0)


async def test_retries_count_what_is_added_rate_limited_and_nothing_else() -> None:
    """client-go counts every delayed add here, requeue_after included."""
    queue = Queue[str]()
    queue.add("a")
    queue.add_after("b", 1)
    queue.add_rate_limited("c")
    queue.add_rate_limited("c")
    assert queue.retries == 2
    queue.close()
    queue.add_rate_limited("c")
    assert queue.retries == 2


async def test_rejected_keys_count_nowhere() -> None:
    queue = Queue[str]()
    queue.close()
    queue.add("a")
    queue.add_after("b", 0)
    assert (queue.adds, queue.retries, queue.depth()) == (0, 0, {})


async def test_depth_tells_priorities_apart_and_follows_a_key_whose_priority_rises() -> None:
    queue = Queue[str]()
    for key in "abc":
        queue.add(key, priority=-100)
    queue.add("d")
    assert queue.depth() == {-100: 3, 0: 1}
    queue.add("a")
    assert queue.depth() == {-100: 2, 0: 2}
    assert await queue.get() == "d"
    queue.add("d", priority=9)
    assert queue.depth() == {-100: 2, 0: 1, 9: 1}
    snapshot = queue.depth()
    snapshot.clear()
    assert queue.depth()


async def test_depth_forgets_idle_priorities_beyond_twenty_five() -> None:
    queue = Queue[str]()
    for priority in range(1000):
        queue.add(str(priority), priority=priority)
    assert len(queue.depth()) == 1000
    for key in await taken(queue, 1000):
        queue.done(key)
    assert len(queue.depth()) == 25 and not any(queue.depth().values())


async def test_a_done_that_means_nothing_reports_no_work_time() -> None:
    work_times = list[float]()
    queue = Queue[str](on_work_time=work_times.append)
    queue.done("a")
    queue.add("a")
    queue.done("a")
    assert work_times == []
