"""The report, its plots and the guard say what was found, and what was not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.bench import Bench
from benchmarks.goals import ROWS
from benchmarks.guard import Difference, differences, together
from benchmarks.guard import report as guard_report
from benchmarks.measure import Cost
from benchmarks.micro import MicroRow
from benchmarks.peers import kubernaut
from benchmarks.plots import bars, lines
from benchmarks.report import Report
from benchmarks.rows import small, syncs
from benchmarks.section import Check, Section, short, table

SVG = "{http://www.w3.org/2000/svg}"


def test_the_goals_come_first_with_what_was_found(tmp_path: Path) -> None:
    report = Report(["a machine"], ["a remark"])
    report.add(ROWS[0], 20_000, {"kubernaut": Cost(1.0, 2.0, 100.0, {}), "kopf": Cost(20.0, 30.0, 300.0, {})})
    report.section(Section("none", "a row that failed", missing=["none: it broke"]))
    report.write(tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| sync, 20,000 objects: CPU against kopf | <= 0.10 x | 0.050 | met |" in text
    assert "| sync, 20,000 objects: peak RSS against kopf | <= 0.25 x | 0.33 | NOT met |" in text
    assert "- none: it broke" in text
    links = re.findall(r"\((plots/.*?\.svg)\)", text)
    assert links == ["plots/sync.svg"] and all((tmp_path / link).exists() for link in links)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["rows"]["sync"]["ratios"]["sync: CPU against kopf"] == 0.05


def test_a_comparison_without_its_peers_says_so() -> None:
    section = syncs.measure(Bench({"kubernaut": kubernaut}, lambda text: None, small=True), ROWS[0])
    assert section.missing == ["kopf: it is not on this machine", "controller-runtime: it is not on this machine"]
    assert not section.checks
    assert section.figures["40"]["kubernaut"]["said"]["seen"] == 40


def test_a_check_at_least_is_the_other_way_round_and_one_that_is_not_judged_is_not_met() -> None:
    assert Check("frames", 12.0, 10.0, at_least=True).verdict == "met"
    assert Check("frames", 9.0, 10.0, at_least=True).verdict == "NOT met"
    assert Check("frames", 12.0, 10.0, judged=False).verdict == "not judged"
    assert Check("frames", 12.0, 10.0, at_least=True, unit="/s").goal == ">= 10.0 /s"


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (0.0123, "0.012"), (0.5, "0.50"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_figures_have_as_many_digits_as_matter(number: float, text: str) -> None:
    assert short(number) == text
    assert table(["a"], [(number,)])[2] == f"| {text} |"


def test_bars_are_to_scale_with_their_goal() -> None:
    svg = bars("CPU & RSS", {"CPU": {"kubernaut": 1.0, "kopf": 4.0}}, {"CPU": {"kopf": 2.0}})
    root = ElementTree.fromstring(svg)
    ours, theirs = (float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect"))
    assert theirs == pytest.approx(4 * ours, rel=0.01)
    left, goal = float(next(root.iter(f"{SVG}rect")).attrib["x"]), next(root.iter(f"{SVG}line")).attrib["x1"]
    assert float(goal) - left == pytest.approx(theirs / 2, rel=0.01)
    assert "2.00 against kopf" in svg


def test_a_line_has_a_dot_for_each_point_and_a_limit_has_none() -> None:
    points = [(1.0, 1.0), (2.0, 2.0)]
    svg = lines("growth", "objects", "MiB", {"kubernaut": points, "goal": points}, dashed=["goal"])
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter(f"{SVG}circle"))) == 2 and len(list(root.iter(f"{SVG}polyline"))) == 2


def test_small_figures_are_judged_by_ratio_or_by_themselves() -> None:
    section = Section("micro", "single parts")
    queue = MicroRow("queue", "queue", "us", 3.0, {"client-go": 1.0}, {"client-go": 4.0})
    fake = MicroRow("http", "creates", "/s", 900.0, {"real": 1000.0}, {"real": 1.0}, more=True)
    own = MicroRow("own", "own cost", "us", 50.0, {}, {}, 40.0, left_out={"peer": "there is none"})
    small.tell(section, [queue, fake, own])
    assert [check.verdict for check in section.checks] == ["met", "NOT met", "NOT met"]
    assert section.missing == ["own cost: without peer, there is none"]
    assert section.ratios["queue against client-go"] == 3.0
    assert section.ratios["http against real"] == pytest.approx(1000 / 900)


def test_the_guard_tells_what_became_worse_by_more_than_the_noise() -> None:
    then = {
        "speed": 1.0,
        "ratios": {"a: CPU against kopf": 0.1, "b: RSS against kopf": 0.1, "c, us": 10.0, "gone": 1.0},
    }
    now = {
        "speed": 2.0,
        "ratios": {"a: CPU against kopf": 0.12, "b: RSS against kopf": 0.12, "c, us": 20.0, "new": 1.0},
    }
    found = differences(then, now)
    assert [each.verdict for each in found] == ["as before", "WORSE x 1.20", "as before"]
    assert "worse by more than that: b: RSS against kopf" in guard_report(found)
    both = together([{**then, "machine": []}, {**now, "machine": []}])
    assert both["spreads"]["c, us"] == 2.0 and both["ratios"]["c, us"] == pytest.approx(200**0.5)
    assert Difference("c, us", 10.0, 21.0, spread=2.0).verdict == "as before"
    assert "nothing became worse" in guard_report([Difference("a", 1.0, 0.5)])
