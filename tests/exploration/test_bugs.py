"""Each of the ten bugs is found, and its story names what led to it; its repaired twin passes."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from kubernaut.testing.exploration import Fault, Report, Scenario, explore
from tests.exploration import scenarios

LIMIT = timedelta(seconds=60)
LONG = bool(os.environ.get("KUBERNAUT_EXPLORE"))
LONG_RUNS = 5000
SINGLE_FAULTS, SEEDS = 30, 25
"""Runs of a twin in CI: the first with one fault each, and the first with several."""

FOUND = {
    "create before record": (Fault.CRASH, "create jobs.batch", "one job for each migration"),
    "status in memory only": (Fault.CRASH, "router.shift", "traffic never goes back"),
    "finalizer after side effect": (Fault.DELETE, "storage.create_bucket", "nothing is paid for in vain"),
    "name collision adopted": (Fault.STALE, "create ipaddresses.ipam.example.dev", "no address is given twice"),
    "acting on a stale cache": (Fault.STALE, "update disks.example.dev/status", "end state"),
    "missed deletion": (Fault.CRASH, "dns.remove", "end state"),
    "non-idempotent retry": (Fault.CRASH, "patch deployments.apps", "end state"),
    "leaked child": (Fault.DEPOSED, "apply configmaps", "end state"),
    "hot loop": (Fault.DELETE, "watch mirrors.example.dev", "no storm"),
    "lost update by overwriting": (Fault.DEPOSED, "patch configmaps", "idempotence"),
}
"""The fault, the call at which it strikes, and what does not hold then."""


@pytest.mark.parametrize("scenario", scenarios.BUGS, ids=lambda scenario: scenario.name)
def test_the_bug_is_found_and_its_story_names_what_led_to_it(scenario: Scenario) -> None:
    report = explore(scenario, runs=1000, limit=LIMIT)

    assert report.runs < 100  # docs/exploration.md says so; a thousand would do
    [failure] = report.failures
    [injection] = failure.schedule.injections
    assert (injection.fault, injection.call, failure.violation.invariant) == FOUND[scenario.name]
    [fault] = [entry for entry in failure.timeline if entry.mark == "fault"]
    assert fault.text.startswith(injection.fault)
    assert str(fault) in failure.story()


@pytest.mark.parametrize("scenario", scenarios.TWINS, ids=lambda scenario: scenario.name)
def test_the_repaired_twin_passes(scenario: Scenario) -> None:
    for report in long_runs(scenario) if LONG else short_runs(scenario):
        report.check()
        assert report.coverage.faults


def long_runs(scenario: Scenario) -> list[Report]:
    return [explore(scenario, runs=LONG_RUNS)]


def short_runs(scenario: Scenario) -> list[Report]:
    first = explore(scenario, runs=SINGLE_FAULTS)
    return [first, explore(scenario, runs=SEEDS, seed=first.systematic)]


def test_the_bugs_and_their_twins_differ_in_the_reconciler_alone() -> None:
    for bug, twin in zip(scenarios.BUGS, scenarios.TWINS, strict=True):
        assert bug.controllers is not twin.controllers
        assert (bug.steps, bug.invariants, bug.faults, bug.ignore, bug.allowed) == (
            twin.steps,
            twin.invariants,
            twin.faults,
            twin.ignore,
            twin.allowed,
        )
        assert bug.name == twin.name
        assert bug.name in FOUND
