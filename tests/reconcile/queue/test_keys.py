"""Deduplication, processing and shut-down, case by case as in client-go's util/workqueue/queue_test.go."""

import asyncio
import gc
import weakref

import pytest

from kubernaut.reconcile import Request
from kubernaut.reconcile.queue import Queue, QueueShutDown
from tests.reconcile.queue.helpers import is_over, nothing_comes, now, settle, taken

pytestmark = pytest.mark.virtual_time


async def work(queue: Queue[str], handled: list[str], seconds: float = 0.003) -> None:
    """A worker: until the queue is shut down."""
    while True:
        try:
            key = await queue.get()
        except QueueShutDown:
            return
        handled.append(key)
        await asyncio.sleep(seconds)
        queue.done(key)


@pytest.mark.parametrize("drain", [False, True])
async def test_what_many_producers_add_is_processed_and_nothing_added_after_the_shut_down(drain: bool) -> None:
    queue, handled = Queue[str](), list[str]()

    async def produce(number: int) -> None:
        for _ in range(50):
            queue.add(str(number))
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as workers:
        for _ in range(10):
            workers.create_task(work(queue, handled))
        async with asyncio.TaskGroup() as producers:
            for number in range(50):
                producers.create_task(produce(number))
        stopping = workers.create_task(queue.shut_down(drain=drain))
        await settle()
        queue.add("added after shut-down")
    assert stopping.done()
    assert sorted(dict.fromkeys(handled)) == sorted(str(number) for number in range(50))
    assert len(queue) == 0 and queue.idle


@pytest.mark.parametrize("drain", [False, True])
async def test_keys_that_are_added_again_by_their_own_workers_run_again(drain: bool) -> None:
    queue, runs = Queue[str](), dict[str, int]()

    async def work_twice() -> None:
        while True:
            try:
                key = await queue.get()
            except QueueShutDown:
                return
            runs[key] = runs.get(key, 0) + 1
            if runs[key] < 2:
                queue.add(key)
            await asyncio.sleep(0)
            queue.done(key)

    async with asyncio.TaskGroup() as workers:
        for _ in range(10):
            workers.create_task(work_twice())
        for number in range(50):
            queue.add(str(number))
        await asyncio.sleep(1)
        await queue.shut_down(drain=drain)
    assert runs == {str(number): 2 for number in range(50)}
    assert len(queue) == 0


async def test_the_length_counts_a_key_once() -> None:
    queue = Queue[str]()
    queue.add("foo")
    assert len(queue) == 1
    queue.add("bar")
    assert len(queue) == 2
    queue.add("foo")
    assert len(queue) == 2


async def test_a_key_added_while_processing_is_handed_out_again_after_done() -> None:
    queue = Queue[str]()
    queue.add("foo")
    assert await queue.get() == "foo"
    queue.add("foo")
    queue.done("foo")
    assert await queue.get() == "foo"
    queue.done("foo")
    assert len(queue) == 0


async def test_adding_a_dirty_key_again_is_a_no_op() -> None:
    queue = Queue[str]()
    queue.add("bar")
    queue.add("bar")
    assert await queue.get() == "bar"
    queue.done("bar")
    assert len(queue) == 0


async def test_one_key_is_never_with_two_workers_and_adds_while_processing_make_one_more_run() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.add("foo")
    queue.add("foo")
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0.1)
    assert not second.done()
    queue.done("foo")
    assert await second == "foo"
    queue.done("foo")
    assert len(queue) == 0 and queue.idle


async def test_keys_come_first_in_first_out() -> None:
    queue = Queue[str]()
    for key in "cab":
        queue.add(key)
    assert await taken(queue, 3) == ["c", "a", "b"]


async def test_requests_for_two_clusters_are_two_keys() -> None:
    queue = Queue[Request]()
    queue.add(Request("ns", "a"))
    queue.add(Request("ns", "a", "east"))
    queue.add(Request("ns", "a"))
    assert [await queue.get(), await queue.get()] == [Request("ns", "a"), Request("ns", "a", "east")]
    assert len(queue) == 0


async def test_a_done_for_a_key_that_is_not_being_processed_does_nothing() -> None:
    queue = Queue[str]()
    queue.done("never seen")
    queue.add("a")
    queue.done("a")
    assert len(queue) == 1
    await queue.get()
    queue.done("a")
    queue.done("a")
    assert queue.idle


async def test_a_shut_down_with_drain_waits_for_what_is_processing() -> None:
    queue = Queue[str]()
    queue.add("foo")
    queue.add("bar")
    await taken(queue, 2)
    stopping = asyncio.create_task(queue.shut_down(drain=True))
    await settle()
    assert await is_over(queue)
    queue.done("foo")
    await settle()
    assert not stopping.done()
    queue.done("bar")
    await stopping


async def test_a_shut_down_with_drain_waits_for_what_is_queued() -> None:
    queue, handled = Queue[str](), list[str]()
    queue.add("foo")
    stopping = asyncio.create_task(queue.shut_down(drain=True))
    await settle()
    assert not stopping.done()
    await work(queue, handled)
    await stopping
    assert handled == ["foo"]


async def test_a_shut_down_without_drain_waits_for_nothing() -> None:
    queue, start = Queue[str](), now()
    queue.add("foo")
    queue.add("bar")
    await queue.get()
    await queue.shut_down()
    assert now() == start and queue.shutting_down and not queue.idle


@pytest.mark.parametrize("force", ["close", "shut_down"])
async def test_a_second_shut_down_ends_the_wait_of_a_drain(force: str) -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    stopping = asyncio.create_task(queue.shut_down(drain=True))
    await asyncio.sleep(60)
    assert not stopping.done()
    if force == "close":
        queue.close()
    else:
        await queue.shut_down()
    await stopping
    assert not queue.idle


async def test_a_drain_can_follow_a_close_and_two_drains_end_together() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.close()
    first, second = (asyncio.create_task(queue.shut_down(drain=True)) for _ in range(2))
    await asyncio.sleep(60)
    assert not first.done() and not second.done()
    queue.done("foo")
    await asyncio.gather(first, second)
    await queue.shut_down(drain=True)


async def test_a_cancelled_drain_leaves_the_queue_shut_down() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await queue.shut_down(drain=True)
    queue.add("bar")
    queue.done("foo")
    assert queue.shutting_down and queue.idle


async def test_a_key_dirty_before_the_shut_down_is_queued_again_at_done_and_drained() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.add("foo")
    stopping = asyncio.create_task(queue.shut_down(drain=True))
    await settle()
    assert await is_over(queue)
    queue.done("foo")
    await settle()
    assert not stopping.done()
    assert await queue.get() == "foo"
    queue.done("foo")
    assert await is_over(queue)
    await stopping


async def test_every_way_to_add_is_rejected_after_a_shut_down_also_for_a_key_in_process() -> None:
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    queue.close()
    for key in ("a", "b"):
        queue.add(key)
        queue.add_after(key, 1)
        queue.add_rate_limited(key)
    queue.done("a")
    assert await is_over(queue)
    assert (queue.adds, queue.retries, queue.failures("a"), queue.idle) == (1, 0, 0, True)


async def test_what_is_ready_is_still_handed_out_after_a_shut_down() -> None:
    queue = Queue[str]()
    queue.add("a")
    queue.add("b")
    await queue.shut_down()
    await queue.shut_down()
    assert await taken(queue, 2) == ["a", "b"]
    assert await is_over(queue)


async def test_delayed_keys_are_dropped_by_a_shut_down_also_that_of_a_key_in_process() -> None:
    queue = Queue[str]()
    queue.add("busy")
    await queue.get()
    queue.add_after("busy", 5)
    queue.add_after("later", 5)
    queue.add_rate_limited("failed")
    await queue.shut_down()
    await asyncio.sleep(10)
    assert len(queue) == 0
    queue.done("busy")
    assert queue.idle and await is_over(queue)


async def test_a_shut_down_wakes_every_waiting_getter() -> None:
    queue = Queue[str]()
    getters = [asyncio.create_task(is_over(queue)) for _ in range(5)]
    await settle()
    queue.close()
    assert await asyncio.gather(*getters) == [True] * 5


class Big:
    pass


async def test_the_queue_keeps_no_reference_to_a_key_that_is_done() -> None:
    queue, key = Queue[Big](), Big()
    queue.add(key)
    queue.add(key)
    queue.done(await queue.get())
    reference = weakref.ref(key)
    del key
    gc.collect()
    assert reference() is None


async def test_a_shut_down_lets_go_of_the_delayed_keys_it_drops() -> None:
    queue, key = Queue[Big](), Big()
    queue.add_after(key, 60)
    queue.close()
    reference = weakref.ref(key)
    del key
    gc.collect()
    assert reference() is None


async def test_a_key_that_is_over_and_done_can_come_again() -> None:
    queue = Queue[str]()
    for _ in range(3):
        queue.add("a")
        queue.done(await queue.get())
    assert await nothing_comes(queue, 10)
