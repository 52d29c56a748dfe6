"""A million keys: what each operation costs, in comparisons and in calls of `hash`, not in seconds."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from math import log2
from random import Random

import pytest

from kubernaut.reconcile.queue import Queue
from tests.reconcile.queue.helpers import now

pytestmark = pytest.mark.virtual_time

MILLION = 1_000_000


class Counted(float):
    """A time that counts how often it, or a time made from it, is compared."""

    __slots__ = ()
    comparisons = 0

    def __lt__(self, other: float) -> bool:
        Counted.comparisons += 1
        return float.__lt__(self, other)

    def __add__(self, other: float) -> "Counted":
        return Counted(float.__add__(self, other))

    def __sub__(self, other: float) -> "Counted":
        return Counted(float.__sub__(self, other))


class Clock:
    """Takes the place of the loop's clock: each reading is a little later, so that no two keys tie."""

    def __init__(self, behind: Callable[[], float]) -> None:
        self.behind = behind
        self.ahead = 0.0

    def __call__(self) -> Counted:
        self.ahead = ahead = self.ahead + 1e-6
        return Counted(self.behind() + ahead)


@pytest.fixture
async def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", Clock(loop.time))


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """The garbage collector would walk a million keys again and again."""
    gc.disable()
    yield
    gc.enable()


def comparisons(number: int, operation: Callable[[int], object]) -> float:
    """Comparisons per call, over so many calls."""
    before = Counted.comparisons
    for i in range(number):
        operation(i)
    return (Counted.comparisons - before) / number


def take(queue: Queue[int]) -> int:
    """`get` where it need not wait."""
    getting = queue.get()
    try:
        getting.send(None)
    except StopIteration as stop:
        key: int = stop.value
        return key
    raise AssertionError("nothing is ready")


def sizes(queue: Queue[int]) -> tuple[int, int]:
    """Entries in the heaps of ready and delayed keys, stale ones included."""
    return len(queue._ready._entries), len(queue._delayed._entries)


def costs(size: int) -> dict[str, float]:
    """Comparisons per operation in a queue with `size` keys, half of them ready and half delayed."""
    queue, random, half = Queue[int](), Random(1), size // 2
    priorities = random.choices((-100, 0), k=half)
    delays = [random.uniform(10, 1e6) for _ in range(half)]
    answer = {
        "add": comparisons(half, lambda i: queue.add(i, priority=priorities[i])),
        "add_after": comparisons(half, lambda i: queue.add_after(half + i, delays[i])),
    }
    assert (len(queue), sum(queue.depth().values())) == (half, half)
    assert sizes(queue) == (half, half)
    some = random.sample(range(half), min(half, 20_000) // 5)

    def run(_: int) -> None:
        queue.done(take(queue))

    def run_dirty(_: int) -> None:
        key = take(queue)
        queue.add(key)
        queue.done(key)

    def run_failing(_: int) -> None:
        key = take(queue)
        queue.add_rate_limited(key)
        queue.done(key)

    answer |= {
        "sooner": comparisons(len(some), lambda i: queue.add_after(half + some[i], 5 + i / size)),
        "absorb": comparisons(len(some), lambda i: queue.add(half + some[i])),
        "raise": comparisons(len(some), lambda i: queue.add(some[i], priority=1 + i % 2)),
        "again": comparisons(len(some), lambda i: queue.add(some[i], priority=-100)),
        "get, done": comparisons(len(some) // 4, run),
        "get, add, done": comparisons(len(some) // 4, run_dirty),
        "get, add_rate_limited, done": comparisons(len(some) // 4, run_failing),
        "look": comparisons(10, lambda i: (len(queue), queue.idle, queue.depth(), queue.failures(i))),
        "forget": comparisons(10, queue.forget),
    }
    ready, delayed = sizes(queue)
    assert ready <= 2 * len(queue._ready) + 65 and delayed <= 2 * len(queue._delayed) + 65
    queue.close()
    return answer


async def test_a_million_keys_cost_twice_the_comparisons_of_a_thousand(counted: None) -> None:
    """log2 of a million is twice log2 of a thousand."""
    few, many = costs(1000), costs(MILLION)
    assert many["look"] == many["forget"] == many["again"] == 0
    for operation, cost in many.items():
        assert cost <= 2 * few[operation] + 3, operation
        assert cost <= 3 * log2(MILLION), operation


async def test_heaps_never_hold_more_stale_entries_than_live_ones(counted: None) -> None:
    """Every ready key is raised, and every delayed one brought forward, again and again: each leaves a stale entry."""
    queue, number, most = Queue[int](), 2000, (0, 0)
    for key in range(number):
        queue.add(key)
        queue.add_after(number + key, 1000)
    before = Counted.comparisons
    for round_ in range(1, 21):
        for key in range(number):
            queue.add(key, priority=round_)
            queue.add_after(number + key, 1000 - round_)
        most = max(most[0], sizes(queue)[0]), max(most[1], sizes(queue)[1])
    assert max(most) <= 2 * number + 65
    assert (Counted.comparisons - before) / (40 * number) <= 3 * log2(number)
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    assert sum(not timer.cancelled() for timer in timers) == 1
    assert [take(queue) for _ in range(number)] == list(range(number))
    assert queue.depth()[20] == 0 and len(queue) == 0
    await asyncio.sleep(1000)
    assert {take(queue) for _ in range(number)} == set(range(number, 2 * number))
    assert now() < 1010


async def test_an_operation_hashes_its_key_a_fixed_number_of_times() -> None:
    class Key:
        hashed = 0

        def __hash__(self) -> int:
            Key.hashed += 1
            return id(self) >> 4

    def hashed(operation: Callable[[], object]) -> int:
        before = Key.hashed
        operation()
        return Key.hashed - before

    queue = Queue[Key]()
    for size in (1, 1000, 10_000):
        while len(queue) < size:
            queue.add(Key())
        key = Key()
        assert hashed(lambda key=key: queue.add(key, priority=1)) == 2  # type: ignore[misc]
        getting = queue.get()
        with pytest.raises(StopIteration):
            assert hashed(lambda getting=getting: getting.send(None)) == 0  # type: ignore[misc]
        assert hashed(lambda key=key: queue.forget(key)) <= 1  # type: ignore[misc]
        assert hashed(lambda key=key: queue.done(key)) == 2  # type: ignore[misc]
