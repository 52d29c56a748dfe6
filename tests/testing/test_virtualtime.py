"""Time jumps only when nothing is left to do."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from kubernaut.reconcile.log import bound
from kubernaut.testing import NeverAtRest, NothingLeftToDo, VirtualTimeLoop, run_virtual, virtualtime
from kubernaut.timing import SystemClock, VirtualTime, current_clock, hold, virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_takes_no_time_and_the_clock_agrees() -> None:
    async def main() -> datetime:
        await asyncio.sleep(3600)
        assert now() == 3600
        return current_clock().now()

    began = time.monotonic()
    assert run_virtual(main) == datetime(2024, 1, 1, 1, tzinfo=UTC)
    assert time.monotonic() - began < 5


def test_a_sleep_of_many_days_ends_on_time() -> None:
    async def main() -> datetime:
        await asyncio.sleep(timedelta(days=400).total_seconds())
        return current_clock().now()

    start = datetime(2030, 1, 1, tzinfo=UTC)
    assert run_virtual(main, start=start) == start + timedelta(days=400)


def test_the_start_needs_a_timezone() -> None:
    with pytest.raises(ValueError, match="timezone"):
        VirtualTimeLoop(datetime(2030, 1, 1))


def test_timers_fire_in_order_of_their_times() -> None:
    async def main() -> list[tuple[float, str]]:
        seen: list[tuple[float, str]] = []

        async def one(name: str, delay: float) -> None:
            await anyio.sleep(delay)
            seen.append((now(), name))

        async with anyio.create_task_group() as tasks:
            for name, delay in (("c", 30), ("a", 1), ("b", 2)):
                tasks.start_soon(one, name, delay)
        return seen

    assert run_virtual(main) == [(1, "a"), (2, "b"), (30, "c")]


async def in_a_thread() -> None:
    await asyncio.to_thread(time.sleep, 0.05)


async def in_an_anyio_thread_under_hold() -> None:
    with hold():
        await anyio.to_thread.run_sync(time.sleep, 0.05)


async def in_a_subprocess_under_hold() -> None:
    with hold():
        process = await asyncio.create_subprocess_exec("sleep", "0.05", stdout=subprocess.DEVNULL)
        await process.wait()


@pytest.mark.parametrize("work", [in_a_thread, in_an_anyio_thread_under_hold, in_a_subprocess_under_hold])
def test_no_timeout_fires_while_real_work_goes_on(work: Callable[[], object]) -> None:
    async def main() -> float:
        async with asyncio.timeout(5):
            await work()  # type: ignore[misc]
        return now()

    assert run_virtual(main) == 0


def test_idle_comes_before_the_next_jump_and_jumps_go_on_afterwards() -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        async def later() -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            seen.append("worked")
            await asyncio.sleep(10)
            seen.append("slept")

        task = asyncio.create_task(later())
        loop = virtual_time()
        assert loop is not None
        await loop.idle()
        seen.append(f"idle at {now():g}")
        await task
        return seen

    assert run_virtual(main) == ["worked", "idle at 0", "slept"]


def test_idle_waits_for_holds() -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        async def work() -> None:
            await asyncio.to_thread(time.sleep, 0.05)
            seen.append("worked")

        task = asyncio.create_task(work())
        loop = virtual_time()
        assert loop is not None
        await loop.idle()
        await task
        return [*seen, "idle"] if seen else ["idle"]

    assert run_virtual(main) == ["worked", "idle"]


def test_advance_runs_what_falls_due_at_its_very_end() -> None:
    async def main() -> tuple[float, bool]:
        done = False

        async def work() -> None:
            nonlocal done
            await asyncio.sleep(60)
            for _ in range(5):
                await asyncio.sleep(0)
            done = True

        task = asyncio.create_task(work())
        loop = virtual_time()
        assert loop is not None
        await asyncio.sleep(0)
        await loop.advance(60)
        result = now(), done
        await task
        with pytest.raises(ValueError, match="back"):
            await loop.advance(-1)
        return result

    assert run_virtual(main) == (60, True)


def test_waiting_for_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualtime, "STALL_LIMIT", 0.05)
    with pytest.raises(NothingLeftToDo):
        run_virtual(lambda: asyncio.Event().wait())


def test_an_ordinary_loop_has_system_time() -> None:
    async def main() -> None:
        assert virtual_time() is None
        assert isinstance(current_clock(), SystemClock)
        with hold():
            await asyncio.sleep(0)

    asyncio.run(main())
    assert isinstance(current_clock(), SystemClock)
    assert current_clock().now().tzinfo is UTC


def test_the_loop_is_virtual_time() -> None:
    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), VirtualTime)

    assert run_virtual(main)


def test_a_loop_on_which_something_is_always_ready_gives_up_and_names_the_busiest_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(virtualtime, "BUSY_LIMIT", 0.05)

    async def hot() -> None:
        with bound(controller="widget", object="shop/a", reconcile_id="5f2c"):
            while True:
                await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.create_task(hot(), name="widget/worker-0")
        await asyncio.sleep(1)
        task.cancel()

    with pytest.raises(NeverAtRest, match=r"the busiest: widget/worker-0 \(widget shop/a\)"):
        run_virtual(main)


def test_a_loop_that_comes_to_rest_in_between_may_compute_as_long_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualtime, "BUSY_LIMIT", 0.05)

    async def main() -> None:
        began = time.thread_time()
        while time.thread_time() - began < 0.2:
            for _ in range(10):
                await asyncio.sleep(0)
            await asyncio.sleep(1)

    run_virtual(main)
