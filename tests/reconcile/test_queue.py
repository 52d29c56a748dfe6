"""The queue's behaviours, case by case, on virtual time."""

import asyncio
from random import Random

import pytest

from kubernaut.reconcile import Backoff, Queue, QueueShutDown, TokenBucket

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_dirty_key_is_handed_out_once() -> None:
    queue = Queue[str]()
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_a_key_added_while_processing_is_handed_out_again_only_after_done() -> None:
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    queue.add("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 1)
    queue.done("a")
    assert await queue.get() == "a"


async def test_a_key_dirtied_while_processing_is_drained_in_a_shutdown() -> None:
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.close()
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    with pytest.raises(QueueShutDown):
        await queue.get()


async def test_the_earliest_due_time_wins() -> None:
    queue, start = Queue[str](), now()
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    assert await queue.get() == "a"
    assert now() - start == pytest.approx(5)
    queue.done("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 100)


async def test_a_plain_add_absorbs_the_pending_timer() -> None:
    queue = Queue[str]()
    queue.add_after("a", 5)
    queue.add("a")
    queue.done(await queue.get())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 100)


async def test_a_delay_of_nothing_adds_now() -> None:
    queue, start = Queue[str](), now()
    queue.add_after("a", 0)
    queue.add_after("b", -1)
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert now() == start


async def test_the_back_off_doubles_and_forget_resets_it() -> None:
    queue = Queue[str]()
    waits: list[float] = []
    for _ in range(4):
        start = now()
        queue.add_rate_limited("a")
        queue.done(await queue.get())
        waits.append(now() - start)
    assert waits == pytest.approx([0.005, 0.010, 0.020, 0.040], abs=1e-3)
    queue.forget("a")
    assert queue.failures("a") == 0


def test_the_back_off_is_capped_and_never_overflows() -> None:
    assert Backoff().delay(10**6) == 1000.0
    assert 5.0 <= Backoff(base=5, jitter=0.5).delay(0, Random(1)) <= 7.5


async def test_an_early_run_by_an_event_does_not_inflate_the_back_off() -> None:
    queue = Queue[str](backoff=Backoff(base=10))
    queue.add_rate_limited("a")
    for _ in range(5):
        queue.add("a")
        await queue.get()
        queue.add_rate_limited("a")
        queue.done("a")
    assert queue.failures("a") == 1
    start = now()
    await queue.get()
    assert now() - start == pytest.approx(10, abs=0.01)


async def test_higher_priority_goes_first_and_deduplication_keeps_the_highest() -> None:
    queue = Queue[str]()
    queue.add("low", priority=-100)
    queue.add("other", priority=-50)
    queue.add("event")
    queue.add("low", priority=5)
    assert [await queue.get() for _ in range(3)] == ["low", "event", "other"]
    assert queue.priority_of("low") == 5


async def test_low_priority_is_overtaken_for_at_most_ten_seconds() -> None:
    queue = Queue[str]()
    queue.add("low", priority=-100)
    await asyncio.sleep(10.1)
    queue.add("event")
    assert await queue.get() == "low"


async def test_a_cancelled_get_loses_no_key() -> None:
    queue = Queue[str]()
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")  # wakes the first
    first.cancel()
    assert await second == "a"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_shut_down_drops_delayed_keys_rejects_new_ones_and_wakes_getters() -> None:
    queue = Queue[str]()
    getter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after("later", 5)
    await queue.shut_down()
    queue.add("new")
    with pytest.raises(QueueShutDown):
        await getter


async def test_shut_down_with_drain_waits_for_what_is_processing() -> None:
    queue = Queue[str]()
    queue.add("a")
    await queue.get()
    closing = asyncio.create_task(queue.shut_down(drain=True))
    await asyncio.sleep(1)
    assert not closing.done()
    queue.done("a")
    await closing


async def test_the_token_bucket_limits_retries_overall() -> None:
    queue, start = Queue[str](bucket=TokenBucket(rate=10, burst=2)), now()
    for key in "abcd":
        queue.add_rate_limited(key)
    for _ in range(4):
        await queue.get()
    assert now() - start == pytest.approx(0.2, abs=0.01)


async def test_random_use_agrees_with_a_simple_model() -> None:
    random, queue = Random(7), Queue[int]()
    dirty: set[int] = set()
    processing: set[int] = set()
    for _ in range(5000):
        key = random.randrange(20)
        match random.choice(["add", "add", "after", "get", "done"]):
            case "add":
                queue.add(key, priority=random.randrange(-3, 3))
                dirty.add(key)
            case "after":
                queue.add_after(key, 0)
                dirty.add(key)
            case "get" if dirty - processing:
                got = await queue.get()
                assert got in dirty - processing
                dirty.discard(got)
                processing.add(got)
            case "done" if processing:
                key = min(processing)
                processing.discard(key)
                queue.done(key)
        assert len(queue) == len(dirty - processing)
