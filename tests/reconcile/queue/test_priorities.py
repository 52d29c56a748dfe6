"""Priorities and ageing, case by case as in controller-runtime's pkg/controller/priorityqueue/priorityqueue_test.go."""

import asyncio
from random import Random

import pytest

from kubernaut.reconcile import Request
from kubernaut.reconcile.queue import SECONDS_PER_PRIORITY, Backoff, Queue
from kubernaut.reconcile.result import PRIORITY_EVENT, PRIORITY_INITIAL
from tests.reconcile.queue.helpers import is_over, now, settle, taken

pytestmark = pytest.mark.virtual_time


async def test_a_key_is_returned() -> None:
    queue = Queue[str]()
    queue.add("foo")
    assert await queue.get() == "foo"
    assert (queue.depth(), queue.adds, queue.retries) == ({0: 0}, 1, 0)


async def test_keys_of_one_priority_are_returned_in_order() -> None:
    queue = Queue[str]()
    queue.add("foo")
    queue.add("bar")
    assert await taken(queue, 2) == ["foo", "bar"]
    assert (queue.depth(), queue.adds) == ({0: 0}, 2)


async def test_a_key_in_process_is_passed_over() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.add("foo", priority=100)
    queue.add("bar")
    assert await queue.get() == "bar"
    assert (queue.depth(), queue.adds, len(queue)) == ({0: 0, 100: 1}, 3, 0)


async def test_a_key_is_returned_as_soon_as_it_is_done() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.add("foo")
    queue.add("bar")
    assert await queue.get() == "bar"
    await asyncio.sleep(0.001)
    queue.add("baz")
    queue.done("foo")
    assert await queue.get() == "foo"
    assert (queue.depth(), queue.adds) == ({0: 1}, 4)


async def test_keys_are_deduplicated() -> None:
    queue = Queue[str]()
    queue.add("foo")
    queue.add("foo")
    assert (len(queue), queue.depth(), queue.adds) == (1, {0: 1}, 1)


async def test_a_key_in_process_can_be_queued() -> None:
    queue = Queue[str]()
    queue.add("foo")
    await queue.get()
    queue.add("foo")
    queue.done("foo")
    assert await queue.get() == "foo"
    assert (queue.priority_of("foo"), queue.depth(), queue.adds) == (0, {0: 0}, 2)


async def test_the_highest_priority_is_kept() -> None:
    queue = Queue[str]()
    queue.add("foo", priority=1)
    queue.add("foo", priority=2)
    await queue.get()
    assert (queue.priority_of("foo"), len(queue)) == (2, 0)
    assert (queue.depth(), queue.adds) == ({1: 0, 2: 0}, 1)


async def test_a_priority_is_never_lowered() -> None:
    queue = Queue[str]()
    queue.add("foo", priority=2)
    queue.add("foo", priority=1)
    await queue.get()
    assert (queue.priority_of("foo"), len(queue)) == (2, 0)
    assert (queue.depth(), queue.adds) == ({2: 0}, 1)


async def test_a_key_goes_to_the_front_when_its_priority_rises() -> None:
    queue = Queue[str]()
    for key in ("foo", "bar", "baz"):
        queue.add(key)
    queue.add("baz", priority=1)
    assert await queue.get() == "baz"
    assert (queue.priority_of("baz"), len(queue)) == (1, 2)
    assert (queue.depth(), queue.adds) == ({0: 2, 1: 0}, 3)


async def test_the_shortest_delay_is_kept() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 0)
    queue.add_after("foo", 3600)
    await queue.get()
    assert (queue.priority_of("foo"), len(queue), queue.depth(), queue.adds) == (0, 0, {0: 0}, 1)


async def test_delayed_keys_are_not_in_the_length_nor_in_the_depth() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 60)
    queue.add("baz")
    queue.add_after("bar", 60)
    queue.add("bal")
    assert (len(queue), queue.depth(), queue.adds) == (2, {0: 2}, 2)


async def test_get_does_not_hang_after_a_shut_down_and_first_returns_what_is_ready() -> None:
    """controller-runtime drops ready keys at a shut-down; here they are drained, as in client-go."""
    queue = Queue[str]()
    queue.add("baz")
    queue.close()
    queue.add_after("foo", 1)
    assert await queue.get() == "baz"
    assert await is_over(queue)
    assert await is_over(queue)


async def test_many_keys_of_random_delays_and_priorities_are_drained_by_many_getters() -> None:
    queue, random = Queue[str](), Random(3)

    async def take_ten() -> None:
        for _ in range(10):
            queue.done(await queue.get())

    for _ in range(20):
        for number in range(1000):
            chance = random.randrange(100)
            if chance < 10:
                queue.add_after(f"foo{number}", chance / 1000)
            else:
                queue.add(f"foo{number}", priority=chance)
        async with asyncio.TaskGroup() as getters:
            for _ in range(100):
                getters.create_task(take_ten())
    assert len(queue) == 0 and queue.idle


async def test_depth_is_right_for_a_key_that_is_first_delayed_and_then_added() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 3600)
    assert (len(queue), queue.depth()) == (0, {})
    queue.add("foo")
    assert (len(queue), queue.depth()) == (1, {0: 1})
    assert await queue.get() == "foo"
    assert (len(queue), queue.depth(), queue.adds) == (0, {0: 0}, 1)


async def test_depth_is_right_for_a_delayed_key_that_is_added_at_a_higher_priority() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 3600)
    queue.add("foo", priority=1)
    assert (len(queue), queue.depth()) == (1, {1: 1})
    assert await queue.get() == "foo"
    assert (queue.priority_of("foo"), len(queue), queue.depth()) == (1, 0, {1: 0})


async def test_a_key_raised_to_a_priority_comes_after_those_that_became_due_at_the_same_moment() -> None:
    queue = Queue[str]()
    queue.add("foo")
    queue.add("bar", priority=1)
    queue.add("foo", priority=1)
    assert await taken(queue, 2) == ["bar", "foo"]
    assert (queue.priority_of("bar"), queue.priority_of("foo")) == (1, 1)


async def test_a_raised_key_keeps_the_time_since_which_it_was_due() -> None:
    """controller-runtime puts it behind all others of the new priority; here the earliest time is kept."""
    queue = Queue[str]()
    queue.add("foo")
    await asyncio.sleep(0.01)
    queue.add("bar", priority=1)
    queue.add("foo", priority=1)
    assert await taken(queue, 2) == ["foo", "bar"]


@pytest.mark.parametrize("delay", [-1, 0, 1])
async def test_keys_of_higher_priority_come_before_those_of_lower_priority(delay: float) -> None:
    queue, names = Queue[str](), {10: "high", 5: "upper", 0: "middle", -5: "lower", -10: "low"}
    for number in range(1000):
        for priority, name in reversed(names.items()):
            queue.add_after(f"{name}-{number}", delay, priority=priority)
    await asyncio.sleep(max(delay, 0))
    await settle()
    for priority, name in names.items():
        for number in range(1000):
            assert await queue.get() == f"{name}-{number}"
            assert queue.priority_of(f"{name}-{number}") == priority
    assert (queue.depth(), queue.adds) == (dict.fromkeys(names, 0), 5000)


async def test_a_delayed_key_of_high_priority_overtakes_a_ready_one_of_low_priority_when_it_falls_due() -> None:
    queue = Queue[str]()
    queue.add("foo", priority=-100)
    queue.add_after("prio", 1)
    await asyncio.sleep(1)
    await settle()
    assert await queue.get() == "prio"
    assert (queue.priority_of("prio"), queue.depth(), queue.adds) == (0, {-100: 1, 0: 0}, 2)


async def test_a_waiting_getter_gets_an_added_key_at_once() -> None:
    queue = Queue[str]()
    getter = asyncio.create_task(queue.get())
    await settle()
    queue.add("foo")
    await settle()
    assert getter.done() and getter.result() == "foo"
    assert (queue.depth(), queue.adds) == ({0: 0}, 1)


async def test_a_waiting_getter_gets_a_delayed_key_at_once_when_it_is_added_without_delay() -> None:
    queue = Queue[str]()
    getter = asyncio.create_task(queue.get())
    await settle()
    queue.add_after("foo", 60)
    await settle()
    assert not getter.done()
    queue.add("foo")
    await settle()
    assert getter.done() and getter.result() == "foo"
    assert (queue.depth(), queue.adds) == ({0: 0}, 1)


async def test_a_waiting_getter_gets_delayed_keys_in_the_order_in_which_they_fall_due() -> None:
    queue, start = Queue[str](), now()
    queue.add_after("foo", 1)
    queue.add_after("bar", 0.2)
    assert await queue.get() == "bar"
    assert now() - start == pytest.approx(0.2)
    assert await queue.get() == "foo"
    assert now() - start == 1
    assert (queue.depth(), queue.adds) == ({0: 0}, 2)


async def test_delayed_keys_are_in_the_length_and_the_depth_once_they_are_due_every_time() -> None:
    queue = Queue[str]()
    for _ in range(2):
        queue.add_after("foo", 0.5)
        queue.add("baz")
        queue.add_after("bar", 0.5)
        queue.add("bal")
        assert (len(queue), queue.depth()) == (2, {0: 2})
        await asyncio.sleep(1)
        assert (len(queue), queue.depth()) == (4, {0: 4})
        for key in await taken(queue, 4):
            queue.done(key)
        assert (len(queue), queue.depth()) == (0, {0: 0})


async def test_a_key_whose_delay_is_over_is_not_counted_again_when_it_is_added() -> None:
    queue = Queue[str]()
    queue.add_after("foo", 0.05)
    await asyncio.sleep(0.1)
    assert (len(queue), queue.depth()) == (1, {0: 1})
    queue.add("foo")
    assert (len(queue), queue.depth(), queue.adds) == (1, {0: 1}, 1)
    await queue.get()
    assert (len(queue), queue.depth()) == (0, {0: 0})


async def test_rate_limited_keys_do_not_affect_each_other() -> None:
    queue = Queue[str](backoff=Backoff(base=0.005))
    for _ in range(7):
        queue.add_rate_limited("bar")
        queue.done(await queue.get())
    start, adds, retries = now(), queue.adds, queue.retries
    queue.add_rate_limited("foo")
    queue.add_rate_limited("bar")
    assert await queue.get() == "foo"
    assert now() - start == pytest.approx(0.005)
    assert await queue.get() == "bar"
    assert now() - start == pytest.approx(0.64)
    assert (queue.depth(), queue.adds - adds, queue.retries - retries) == ({0: 0}, 2, 2)


async def test_getters_return_when_the_queue_is_shut_down_while_it_hands_out_keys() -> None:
    random = Random(5)
    for _ in range(50):
        queue = Queue[str]()

        async def add_and_get(queue: Queue[str] = queue) -> None:
            while True:
                queue.add(str(random.randrange(1000)), priority=random.randrange(100))
                if await is_over(queue):
                    return
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as workers:
            for _ in range(20):
                workers.create_task(add_and_get())
            await settle()
            queue.close()


async def test_the_first_list_and_resyncs_come_after_events_and_after_what_users_put_above_them() -> None:
    queue = Queue[Request]()
    queue.add(Request("ns", "listed"), priority=PRIORITY_INITIAL)
    queue.add(Request("ns", "changed"))
    queue.add(Request("ns", "urgent"), priority=10)
    assert [(await queue.get()).name for _ in range(3)] == ["urgent", "changed", "listed"]
    assert (PRIORITY_INITIAL, PRIORITY_EVENT) == (-100, 0)


async def test_an_event_lifts_a_listed_key_to_its_own_priority() -> None:
    queue = Queue[str]()
    for key in "abc":
        queue.add(key, priority=PRIORITY_INITIAL)
    queue.add("c")
    assert await taken(queue, 3) == ["c", "a", "b"]


async def test_a_key_in_process_takes_the_highest_priority_for_its_next_run_only() -> None:
    queue = Queue[str]()
    queue.add("a", priority=5)
    await queue.get()
    queue.add("a", priority=-100)
    queue.add("a", priority=-50)
    assert queue.priority_of("a") == 5
    queue.done("a")
    assert queue.priority_of("a") == 0
    await queue.get()
    assert queue.priority_of("a") == -50


async def test_low_priority_is_overtaken_for_ten_seconds_and_no_longer_however_many_events_come() -> None:
    """Ageing: 0.1 s of waiting is worth a point, so -100 waits for the events of its first 10 s only."""
    assert SECONDS_PER_PRIORITY == 0.1
    queue, start, before = Queue[str](), now(), 0
    queue.add("low", priority=-100)
    for number in range(1000):  # one worker takes 1/16 s a key, and as many events come
        queue.add(f"event-{number}")
        key = await queue.get()
        if key == "low":
            break
        before += 1
        await asyncio.sleep(0.0625)
        queue.done(key)
    assert key == "low"
    assert now() - start == 10
    assert before == 160


async def test_ageing_is_bounded_by_the_difference_of_two_priorities() -> None:
    for higher in (-20, 0, 7):
        queue, bound = Queue[str](), (higher + 30) * SECONDS_PER_PRIORITY
        queue.add("low", priority=-30)
        await asyncio.sleep(bound - 0.01)
        queue.add("just in time", priority=higher)
        await asyncio.sleep(0.02)
        queue.add("too late", priority=higher)
        assert await taken(queue, 3) == ["just in time", "low", "too late"]


async def test_a_delayed_key_ages_from_its_due_time() -> None:
    queue = Queue[str]()
    queue.add_after("low", 50, priority=-100)
    await asyncio.sleep(55)
    queue.add("event")
    await asyncio.sleep(6)
    queue.add("late event")
    assert await taken(queue, 3) == ["event", "low", "late event"]
