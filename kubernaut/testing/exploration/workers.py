"""Runs schedules in several processes; which failure is reported does not depend on how many there are."""

from __future__ import annotations

import gc
import multiprocessing
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from kubernaut.testing.exploration.coverage import Coverage
from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.plan import Plan

__all__ = ["Batch", "Numbers", "explored", "in_processes"]

NONE = 2**62
BATCH_SECONDS = 0.25
ELDERS = 32
"""Runs between two collections of what outlived a run."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that are to be run: `count` of them from `first`; none is begun after the time `until`."""

    first: int
    count: int
    until: float | None = None

    def late(self) -> bool:
        """Whether no further run is to begin."""
        return self.until is not None and time.monotonic() > self.until


@dataclass
class Batch:
    """Some runs: how many, what they covered, and the number of the one that failed."""

    runs: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    failed: int | None = None
    error: BaseException | None = None


def explored(judge: Judge, plan: Plan, numbers: Numbers, told: Callable[[Batch], None]) -> int | None:
    """Run one number after the other in this process; the first that fails ends it."""
    return _explored(judge, plan, range(numbers.first, numbers.first + numbers.count), numbers, told, lambda: NONE)


def _explored(
    judge: Judge,
    plan: Plan,
    mine: range,
    numbers: Numbers,
    told: Callable[[Batch], None],
    least: Callable[[], int],
) -> int | None:
    batch, since = Batch(), time.monotonic()
    for done, number in enumerate(mine, 1):
        if numbers.late() or number > least():
            break
        outcome = judge.run(plan.schedule(number))
        batch.runs += 1
        batch.coverage.count(outcome)
        if outcome.violation is not None:
            batch.failed = number
            break
        # What a run leaves is dead now, nearly all of it in cycles: freed at once, its memory is still in the caches.
        gc.collect(0 if done % ELDERS else 1)
        if time.monotonic() - since > BATCH_SECONDS:
            told(batch)
            batch, since = Batch(), time.monotonic()
    told(batch)
    return batch.failed


def in_processes(judge: Judge, plan: Plan, numbers: Numbers, workers: int, told: Callable[[Batch], None]) -> int | None:
    """The same, shared by forked processes; the least number that fails, as one process would find it.

    Raises what a run raised in a process.
    """
    context: Any = multiprocessing.get_context("fork")
    least = context.Value("q", NONE)
    processes, ends = [], []
    for index in range(workers):
        mine = range(numbers.first + index, numbers.first + numbers.count, workers)
        end, other = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(judge, plan, mine, numbers, least, other), daemon=True)
        with warnings.catch_warnings():
            # From 3.12 on forking beside threads warns: the children use none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        other.close()
        processes.append(process)
        ends.append(end)
    try:
        _listen(ends, told)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    found: int = least.value
    return None if found == NONE else found


def _listen(ends: list[Connection], told: Callable[[Batch], None]) -> None:
    """Until every process has closed its end."""
    while ends:
        for end in wait(ends):
            assert isinstance(end, Connection)
            try:
                batch: Batch = end.recv()
            except EOFError:
                ends.remove(end)
                continue
            if batch.error is not None:
                raise batch.error
            told(batch)


def _work(judge: Judge, plan: Plan, mine: range, numbers: Numbers, least: Any, end: Connection) -> None:
    """What one process does."""

    def told(batch: Batch) -> None:
        if batch.failed is not None:
            with least.get_lock():
                least.value = min(least.value, batch.failed)
        end.send(batch)

    try:
        _explored(judge, plan, mine, numbers, told, lambda: int(least.value))
    except BaseException as error:
        end.send(Batch(error=_sendable(error)))
    finally:
        end.close()


def _sendable(error: BaseException) -> BaseException:
    """An error that survives the way between processes."""
    return RuntimeError(f"a run raised {type(error).__name__}: {error}")
