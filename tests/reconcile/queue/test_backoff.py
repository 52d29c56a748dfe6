"""Retries, case by case as in client-go's rate_limiting_queue_test.go and default_rate_limiters_test.go."""

import asyncio
from random import Random

import pytest

from kubernaut.reconcile.queue import Backoff, Queue, TokenBucket
from kubernaut.reconcile.queue.backoff import Retries
from tests.reconcile.queue.helpers import nothing_comes, now

pytestmark = pytest.mark.virtual_time


async def fail(queue: Queue[str], key: str, **options: float) -> float:
    """Let the key, which is not in the queue, fail once more, and wait for its retry; the seconds that took."""
    start = now()
    queue.add_rate_limited(key, **options)  # type: ignore[arg-type]
    assert await queue.get() == key
    queue.done(key)
    return now() - start


def delays(retries: Retries[str], key: str, number: int) -> list[float]:
    """The delays of so many failures, each of a run that began when the last retry was due."""
    answers, at = [], 0.0
    for _ in range(number):
        due = retries.due(key, began=at, now=at)
        answers.append(due - at)
        at = due
    return answers


async def test_each_key_backs_off_on_its_own_and_forget_starts_again() -> None:
    queue = Queue[str](backoff=Backoff(base=0.001, cap=1))
    assert [await fail(queue, "one"), await fail(queue, "one")] == pytest.approx([0.001, 0.002])
    assert queue.failures("one") == 2
    assert [await fail(queue, "two"), await fail(queue, "two")] == pytest.approx([0.001, 0.002])
    queue.forget("one")
    assert queue.failures("one") == 0
    assert await fail(queue, "one") == pytest.approx(0.001)


async def test_the_defaults_are_five_milliseconds_doubling_and_no_bucket() -> None:
    queue = Queue[str]()
    waits = [await fail(queue, "a") for _ in range(6)]
    assert waits == pytest.approx([0.005, 0.01, 0.02, 0.04, 0.08, 0.16])
    start = now()
    for number in range(500):
        queue.add_rate_limited(str(number))
    for _ in range(500):
        await queue.get()
    assert now() - start == pytest.approx(0.005)


async def test_the_delay_is_capped_at_a_thousand_seconds() -> None:
    queue = Queue[str]()
    waits = [await fail(queue, "a") for _ in range(25)]
    assert waits[17] == pytest.approx(0.005 * 2**17)
    assert waits[18:] == pytest.approx([1000.0] * 7)


def test_delays_double_from_the_base() -> None:
    retries = Retries[str](Backoff(base=0.001, cap=1), None, None)
    assert delays(retries, "one", 5) == pytest.approx([0.001, 0.002, 0.004, 0.008, 0.016])
    assert retries.failures("one") == 5
    assert delays(retries, "two", 2) == pytest.approx([0.001, 0.002])
    assert retries.failures("two") == 2
    retries.forget("one")
    assert retries.failures("one") == 0
    assert delays(retries, "one", 1) == pytest.approx([0.001])


@pytest.mark.parametrize(("base", "cap", "failures", "delay"), [(0.001, 1000, 5, 0.032), (60, 3_600_000, 2, 240)])
def test_the_delay_never_overflows(base: float, cap: float, failures: int, delay: float) -> None:
    backoff = Backoff(base=base, cap=cap)
    assert backoff.delay(failures) == pytest.approx(delay)
    for many in (1000, 1023, 1024, 10**6, 10**400):
        assert backoff.delay(many) == cap


def test_a_tiny_base_and_a_huge_one_stay_within_the_cap() -> None:
    assert Backoff(base=1e-305, cap=5).delay(1000) < 1
    assert Backoff(base=1e300, cap=5).delay(1000) == 5
    assert Backoff(base=0, cap=5).delay(10**9) == 0


def test_jitter_lengthens_a_delay_by_up_to_its_factor_and_is_off_by_default() -> None:
    backoff, random = Backoff(base=4, jitter=0.5), Random(1)
    waits = [backoff.delay(0, random) for _ in range(1000)]
    assert 4 <= min(waits) < 4.1 and 5.9 < max(waits) <= 6
    assert max(backoff.delay(50, random) for _ in range(100)) > 1000
    assert {Backoff().delay(3, random) for _ in range(10)} == {0.04}


async def test_jitter_comes_from_the_random_that_was_handed_in() -> None:
    async def waits(seed: int) -> list[float]:
        queue = Queue[str](backoff=Backoff(base=1, jitter=0.5), random=Random(seed))
        return [await fail(queue, key) for key in "abcd"]

    assert await waits(1) == pytest.approx(await waits(1))
    assert await waits(1) != pytest.approx(await waits(2))


async def test_numbers_that_make_no_sense_are_refused() -> None:
    for numbers in ({"base": -1.0}, {"cap": float("nan")}, {"jitter": -0.1}):
        with pytest.raises(ValueError, match="negative"):
            Backoff(**numbers)
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate=0)
    with pytest.raises(ValueError, match="burst"):
        TokenBucket(burst=0)
    with pytest.raises(ValueError, match="random"):
        Queue[str](backoff=Backoff(jitter=0.1))


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket()
    assert [bucket.reserve(0) for _ in range(100)] == [0] * 100
    assert [bucket.reserve(0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert bucket.reserve(0.4) == 0
    assert bucket.reserve(1e6) == 0
    assert [bucket.reserve(1e6) for _ in range(100)][-2:] == pytest.approx([0, 0.1])


async def test_with_a_bucket_the_longer_of_both_delays_counts() -> None:
    queue, start = Queue[str](backoff=Backoff(base=0.5), bucket=TokenBucket(rate=1, burst=2)), now()
    for key in "abcd":
        queue.add_rate_limited(key)
    times = {await queue.get(): now() - start for _ in range(4)}
    assert times == pytest.approx({"a": 0.5, "b": 0.5, "c": 1, "d": 2})


async def test_a_bucket_limits_no_plain_or_delayed_add() -> None:
    queue, start = Queue[str](bucket=TokenBucket(rate=0.1, burst=1)), now()
    queue.add_rate_limited("failed")
    for key in "abc":
        queue.add(key)
        queue.add_after(key + key, 0.001)
    for _ in range(7):
        await queue.get()
    assert now() - start <= 0.005


async def test_a_run_that_an_event_began_early_does_not_inflate_the_back_off() -> None:
    queue, start = Queue[str](backoff=Backoff(base=10)), now()
    queue.add_rate_limited("a")
    for _ in range(5):
        await asyncio.sleep(1)
        queue.add("a")
        await queue.get()
        queue.add_rate_limited("a")
        queue.done("a")
    assert queue.failures("a") == 1
    await queue.get()
    assert now() - start == 10
    queue.add_rate_limited("a")
    queue.done("a")
    await queue.get()
    assert now() - start == 30
    assert queue.failures("a") == 2


async def test_an_early_run_is_one_that_began_early_however_long_it_took() -> None:
    queue, start = Queue[str](backoff=Backoff(base=10)), now()
    queue.add_rate_limited("a")
    await asyncio.sleep(9)
    queue.add("a")
    await queue.get()
    await asyncio.sleep(5)
    queue.add_rate_limited("a")
    queue.done("a")
    assert queue.failures("a") == 1
    await queue.get()  # the retry, which was due at 10
    assert now() - start == 14
    queue.add_rate_limited("a")
    assert queue.failures("a") == 2


async def test_an_early_run_takes_no_token() -> None:
    queue, start = Queue[str](backoff=Backoff(base=1), bucket=TokenBucket(rate=0.1, burst=1)), now()
    queue.add_rate_limited("a")
    for _ in range(5):
        queue.add("a")
        await queue.get()
        queue.add_rate_limited("a")
        queue.done("a")
    assert await queue.get() == "a"
    assert now() - start == 1


async def test_a_failure_of_a_key_that_became_dirty_runs_at_once_and_that_run_is_an_early_one() -> None:
    queue, start = Queue[str](backoff=Backoff(base=10)), now()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add_rate_limited("a")
    queue.done("a")
    await queue.get()
    assert now() == start
    queue.add_rate_limited("a")
    queue.done("a")
    assert queue.failures("a") == 1
    await queue.get()
    assert now() - start == 10


async def test_a_second_failure_before_the_retry_does_not_count_where_client_go_counts_it() -> None:
    queue, start = Queue[str](backoff=Backoff(base=1)), now()
    queue.add_rate_limited("a")
    queue.add_rate_limited("a")
    assert queue.failures("a") == 1
    await queue.get()
    assert now() - start == 1


async def test_a_server_can_ask_for_more_time_than_the_back_off_and_an_early_run_keeps_to_it() -> None:
    queue, start = Queue[str](), now()
    queue.add_rate_limited("a", at_least=30)
    await asyncio.sleep(10)
    queue.add("a")
    await queue.get()
    queue.add_rate_limited("a")
    queue.done("a")
    assert queue.failures("a") == 1
    await queue.get()
    assert now() - start == 30
    assert await fail(queue, "b", at_least=0.001) == pytest.approx(0.005)


async def test_forget_leaves_the_pending_retry_where_it_is() -> None:
    queue, start = Queue[str](backoff=Backoff(base=3)), now()
    queue.add_rate_limited("a")
    queue.forget("a")
    queue.forget("never failed")
    queue.done(await queue.get())
    assert now() - start == 3
    assert await nothing_comes(queue, 100)


async def test_a_retry_keeps_the_priority_it_is_given() -> None:
    queue = Queue[str]()
    queue.add_rate_limited("a", priority=-100)
    await queue.get()
    assert queue.priority_of("a") == -100
