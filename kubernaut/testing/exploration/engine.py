"""explore and replay: the loop over schedules, in this process or in several."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from kubernaut.testing.exploration.judge import Judge
from kubernaut.testing.exploration.plan import Plan
from kubernaut.testing.exploration.report import Failure, Report, calls_by_kind
from kubernaut.testing.exploration.run import Outcome, quiet
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.schedule import Schedule
from kubernaut.testing.exploration.shrink import shrunk
from kubernaut.testing.exploration.workers import Batch, Numbers, explored, in_processes

__all__ = ["explore", "replay"]

Progress = Callable[[Report], None]


def explore(
    scenario: Scenario,
    *,
    runs: int = 1000,
    seed: int = 0,
    limit: timedelta | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Run a scenario `runs` times, each time with other faults, until something does not hold.

    The runs are numbered from `seed`: the first numbers are the undisturbed run and each single fault at each call,
    the rest are random seeds; the same number is always the same run, and the least number that fails is reported,
    however many `workers` (processes; 0: one for each core) share the work. `limit`: real time after which no further
    run starts. `progress` is called several times a second with the report so far. Never raises for what was found:
    see `Report.check`. Raises Unusable where the undisturbed run fails, and what the scenario's own code raises.

    Not from within a running event loop: each run has a loop of its own. Workers are forked; where the platform cannot,
    there is one.
    """
    began = time.monotonic()
    if "fork" not in multiprocessing.get_all_start_methods():
        workers = 1
    workers = workers or os.cpu_count() or 1
    with quiet(), _little_garbage():
        judge = Judge(scenario)
        plan = Plan(scenario, judge.undisturbed)
        report = _report(scenario, judge, plan)

        def told(batch: Batch) -> None:
            report.runs += batch.runs
            report.coverage.add(batch.coverage)
            report.elapsed = timedelta(seconds=time.monotonic() - began)
            if progress is not None:
                progress(report)

        until = None if limit is None else began + limit.total_seconds()
        numbers = Numbers(seed, runs, until)
        if workers > 1:
            failed = in_processes(judge, plan, numbers, workers, told)
        else:
            failed = explored(judge, plan, numbers, told)
        if failed is not None:
            report.failures.append(_failure(scenario, failed, judge.run(plan.schedule(failed)), judge))
    return report


def replay(scenario: Scenario, which: int | Schedule) -> Report:
    """One run again: of a number, as `Failure.seed` tells it, or of a schedule. Raises as `explore` does."""
    began = time.monotonic()
    judge = Judge(scenario)
    plan = Plan(scenario, judge.undisturbed)
    report = _report(scenario, judge, plan)
    outcome = judge.run(plan.schedule(which) if isinstance(which, int) else which)
    report.runs = 1
    report.coverage.count(outcome)
    if outcome.violation is not None:
        number = which if isinstance(which, int) else None
        report.failures.append(_failure(scenario, number, outcome, judge))
    report.elapsed = timedelta(seconds=time.monotonic() - began)
    return report


def _report(scenario: Scenario, judge: Judge, plan: Plan) -> Report:
    report = Report(scenario.name, systematic=plan.systematic)
    report.coverage.calls = calls_by_kind(judge.undisturbed.calls)
    return report


def _failure(scenario: Scenario, number: int | None, outcome: Outcome, judge: Judge) -> Failure:
    short = shrunk(outcome, judge.run)
    if short.violation is None:
        raise RuntimeError(f"run {number} failed once and not again: something in it is left to chance")
    return Failure(scenario.name, number, outcome.schedule, short.schedule, short.violation, short.trace.entries)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """What is there already is not looked at by the garbage collector again and again: a third of the time is its.

    What a run leaves is collected after it; a run that is as large as many is collected on its way.
    """
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(300_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
