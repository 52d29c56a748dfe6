"""The load server and kubernaut's own program work, so that the benchmarks measure what they say. Nothing is timed."""

from __future__ import annotations

import pytest

from benchmarks.goals import ROWS
from benchmarks.load.objects import items, pods
from benchmarks.measure import Cost, load_server, run
from benchmarks.peers import kubernaut
from benchmarks.report import Report

COUNT = 40


def test_the_recorded_objects_are_as_large_as_the_goals_say() -> None:
    assert 2_800 < len(items(1)[0].encoded()) < 3_600
    assert 7_000 < len(pods(1)[0].encoded()) < 9_000


@pytest.mark.parametrize("mode", ["noop", "patch", "pods"])
def test_every_object_is_reconciled_and_written_once_where_it_is_written(mode: str) -> None:
    with load_server(items=COUNT, pods=COUNT) as server:
        cost = run(kubernaut(mode, COUNT), kubeconfig=server.kubeconfig)
        assert cost.said["seen"] == COUNT and cost.cpu > 0 and cost.rss > 0
        assert server.control("items/state")["patched"] == (COUNT if mode == "patch" else 0)
        assert server.control("items/reset")["patched"] == 0


def test_the_report_says_which_goals_are_met() -> None:
    report = Report(["a machine"])
    costs = {"kubernaut": Cost(1.0, 2.0, 100.0, {}), "kopf": Cost(20.0, 30.0, 300.0, {})}
    report.add(ROWS[0], 20_000, costs)
    text = report.text()
    assert "| kopf | 0.05 met | 0.10 | 0.33 NOT met | 0.25 |" in text
    assert "controller-runtime" not in text
