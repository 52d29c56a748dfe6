"""Every scenario of `kubernaut demo` ends as it tells, and its timeline and tree tell all of it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kubernaut.cli.app import app
from kubernaut.cli.demo import pacing
from kubernaut.cli.demo.entries import Ending, Entry, Outcome
from kubernaut.cli.demo.machinery import CAREFUL, DATA
from kubernaut.cli.demo.pacing import Pace
from kubernaut.cli.demo.playing import not_as_told, play_scenario
from kubernaut.cli.demo.scenarios import DEFAULT, SCENARIOS
from kubernaut.cli.demo.terminal import TerminalScreen
from kubernaut.testing.virtualtime import run_virtual

ROOT = Path(__file__).parents[2]
NEVER = datetime.min.replace(tzinfo=UTC)


class Keeping:
    """A screen that keeps what it is shown, to be shown again."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.notes: list[str] = []
        self.title: tuple[str, str] = ("", "")
        self.start = NEVER
        self.outcome: Outcome | None = None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def heading(self, name: str, about: str) -> None:
        self.title = (name, about)

    def begin(self, start: datetime) -> None:
        self.start = start

    def entry(self, entry: Entry) -> None:
        self.entries.append(entry)

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome


@cache
def played(name: str) -> Keeping:
    """A scenario, played once for all tests."""
    kept = Keeping()
    kept.end(run_virtual(lambda: play_scenario(SCENARIOS[name], kept)))
    return kept


def outcome(name: str) -> Outcome:
    found = played(name).outcome
    assert found is not None
    return found


def phases(name: str, kind: str, which: int = 0) -> list[str]:
    """The phases that an object of a kind, by its turn, was seen to enter."""
    entries = [each for each in played(name).entries if each.aspect == "phase" and each.kind == kind]
    names = list(dict.fromkeys(each.name for each in entries))
    return [each.phase for each in entries if each.name == names[which]]


def of(name: str, aspect: str) -> list[Entry]:
    return [each for each in played(name).entries if each.aspect == aspect]


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_ends_as_told(name: str) -> None:
    found = outcome(name)
    assert found.wrong == []
    assert found.succeeded
    assert [(each.kind, each.outcome, each.reason) for each in found.subjects] == [
        (each.kind, each.phase, each.reason) for each in SCENARIOS[name].expected
    ]


def test_the_default_story_goes_from_the_alert_to_the_healthy_workload() -> None:
    assert phases(DEFAULT, "RemediationRequest") == [
        "pending", "processing", "analyzing", "executing", "verifying", "completed",
    ]  # fmt: skip
    assert phases(DEFAULT, "RemediationProcessing") == ["gathering", "completed"]
    assert phases(DEFAULT, "AIAnalysis") == ["analyzing", "completed"]
    assert phases(DEFAULT, "WorkflowExecution") == ["planning", "validating", "executing", "monitoring", "completed"]
    # After the approval every check runs again.
    assert phases(DEFAULT, "KubernetesExecution") == [
        "validating", "validated", "validating", "validated", "executing", "rollback_ready",
    ]  # fmt: skip
    assert [(each.phase, each.reason) for each in of(DEFAULT, "approval")] == [
        ("pending", "rollback-deployment changes what runs in production"),
        ("approved", "by bob"),
    ]
    assert [each.phase for each in of(DEFAULT, "job")] == ["Created", "Running", "Complete"]
    assert of(DEFAULT, "job")[0].message.startswith("kubectl patch deployments.v1.apps api-server")
    health = of(DEFAULT, "health")
    assert (health[0].phase, health[-1].phase) == ("healthy", "healthy")
    assert any("2 crashing" in each.message for each in health)


def test_in_the_default_story_the_alert_comes_by_the_gateway_and_one_person_decides() -> None:
    assert [(each.phase, each.reason) for each in of(DEFAULT, "alert")] == [("firing", ""), ("created", "HTTP 200")]
    assert [each.name for each in of(DEFAULT, "person")] == ["alice", "bob"]
    times = [each.time for each in played(DEFAULT).entries]
    assert times == sorted(times)


def test_what_changed_is_the_image_and_not_how_it_came_to_be_broken() -> None:
    [deployment] = [each for each in outcome(DEFAULT).changed if each.kind == "Deployment"]
    images = [(f.before, f.after) for f in deployment.fields if f.path.endswith("containers[api-server].image")]
    assert images == [("registry.example.com/api-server:1.5.0", "registry.example.com/api-server:1.4.2")]
    assert not any("resources" in field.path for field in deployment.fields)


def test_the_tree_has_every_object_of_the_story() -> None:
    [tree] = outcome(DEFAULT).trees
    assert [each.kind for each in tree.all()] == [
        "RemediationRequest",
        "RemediationProcessing",
        "AIAnalysis",
        "WorkflowExecution",
        "KubernetesExecution",
        "ApprovalRequest",
        "Job",
    ]
    assert {each.phase for each in tree.all()} == {"completed", "rollback_ready", "approved"}
    assert [each.phase for each in tree.passed] == phases(DEFAULT, "RemediationRequest")


def test_nobody_is_led_to_believe_that_an_installation_asks_by_itself() -> None:
    for name in ("rollout", "rejected"):
        [said] = [each.message for each in of(name, "story") if "asks a person" in each.message]
        assert "adds to the shipped policy" in said and "The shipped rules alone allow this rollback" in said
        assert "a rule of ten lines" in said.lower() and len(rule().splitlines()) == 10


def rule() -> str:
    return (DATA / CAREFUL).read_text("utf-8")


def test_the_rule_that_asks_is_shown_in_the_documentation() -> None:
    assert f"```rego\n{rule()}```" in (ROOT / "docs" / "policy.md").read_text()


def test_a_rollout_is_not_healthy_before_its_own_pods_are() -> None:
    at = next(index for index, each in enumerate(played(DEFAULT).entries) if "set image" in each.message)
    after = played(DEFAULT).entries[at + 1]
    assert after.aspect == "health" and after.time > played(DEFAULT).entries[at].time


def test_a_recovery_undoes_what_did_not_help_and_goes_another_way() -> None:
    assert phases("recovery", "RemediationRequest").count("executing") == 2
    assert "recovering" in phases("recovery", "RemediationRequest")
    first, second = phases("recovery", "WorkflowExecution", 0), phases("recovery", "WorkflowExecution", 1)
    assert (first[-2:], second[-1]) == (["rolling_back", "failed"], "completed")
    [tree] = outcome("recovery").trees
    assert tree.details["recovery reason"] == "timeout at step 1"
    assert "timeout at step 1" in drawn("recovery") and "step 0" not in drawn("recovery")
    executions = [each for each in tree.all() if each.kind == "KubernetesExecution"]
    assert [each.details["action"].split()[0] for each in executions] == [
        "rollback-deployment", "rollback-deployment", "update-image",
    ]  # fmt: skip
    assert tree.details["recoveries"] == "1 of 3"


def test_a_rejected_approval_touches_nothing() -> None:
    assert [(each.phase, each.reason) for each in of("rejected", "approval")][-1] == ("rejected", "by bob")
    assert of("rejected", "job") == []
    assert {each.kind for each in outcome("rejected").changed} <= {"Pod"}, "crashing goes on"


def test_a_review_says_what_to_look_at() -> None:
    [tree] = outcome("review").trees
    assert tree.details["look at"][0] == "Deployment staging/web"
    assert "Insufficient cpu" in tree.message
    assert not outcome("review").changed
    told = [(each.phase, each.message) for each in of("review", "health")]
    assert len(told) == len(set(told))


def test_a_node_is_drained_only_after_somebody_agreed() -> None:
    jobs = [each.name for each in of("node", "job") if each.phase == "Complete"]
    assert [name.split("-")[1] for name in jobs] == ["cordon", "drain", "drain", "drain"]
    [node] = [each for each in outcome("node").changed if each.kind == "Node"]
    assert ("spec.unschedulable", True) in [(field.path, field.after) for field in node.fields]


def test_a_node_that_is_drained_is_out_of_service_and_its_pods_are_healthy_elsewhere() -> None:
    last = played("node").entries[-3:]
    assert [each.aspect for each in last] == ["story", "health", "health"]
    assert "healthy elsewhere" in last[0].message and "out of service" in last[0].message
    assert [(each.kind, each.phase) for each in last[1:]] == [("Deployment", "healthy"), ("Node", "out of service")]


def test_alerts_about_one_trouble_lead_to_one_remediation() -> None:
    assert [each.phase for each in of("busy", "alert")] == [
        "firing", "created", "firing", "duplicate", "firing", "created", "resolved", "resolved",
    ]  # fmt: skip
    assert phases("busy", "RemediationRequest", 1) == ["pending", "blocked", "completed"]
    assert len(outcome("busy").trees) == 2
    assert len([each for each in outcome("busy").stories if each.kind == "WorkflowExecution"]) == 1


def test_what_a_blocked_request_waits_for_next_is_told() -> None:
    text = drawn("busy")
    assert in_order(text, ("blocked  TargetBusy: ", "still blocked  RecentlyRemediated: ", "SignalResolved"))
    assert text.count("TargetBusy") == 1


def drawn(name: str, **options: Any) -> str:
    """A scenario as a person sees it."""
    kept, output = played(name), io.StringIO()
    screen = TerminalScreen(Console(file=output, highlight=False), **options)
    screen.heading(*kept.title)
    screen.begin(kept.start)
    for entry in kept.entries:
        screen.entry(entry)
    assert kept.outcome is not None
    screen.end(kept.outcome)
    return output.getvalue()


def in_order(text: str, words: Sequence[str]) -> bool:
    at = 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return False
    return True


def test_a_person_sees_the_story_then_the_tree_then_what_changed() -> None:
    text = drawn(DEFAULT)
    assert in_order(
        text,
        (
            "rollout: a release crashes",
            "kubectl -n production set image",
            "0 of 2 pods ready, 2 crashing",
            "RemediationRequest production/kubepodcrashlooping-",
            "executing",
            "ApprovalRequest …",
            "kubernaut approve kubepodcrashlooping-",
            "approved  by bob",
            "kubectl patch deployments.v1.apps api-server",
            "rollback_ready",
            "Remediated",
            "└── ✔ WorkflowExecution kubepodcrashlooping-",
            "What changed in the cluster",
            "api-server:1.5.0 -> registry.example.com/api-server:1.4.2",
            "and with it: 2 ReplicaSets modified",
        ),
    )
    assert "Ready=" not in text, "conditions and Events are for those who ask for them"


def test_that_pods_go_on_crashing_is_no_change() -> None:
    assert "What changed in the cluster\n  nothing\n" in drawn("rejected")


def test_verbose_shows_conditions_and_events_as_well() -> None:
    text = drawn(DEFAULT, verbose=True)
    assert "condition  Ready=False, Processing" in text
    assert "event  ApprovalRequested: waits for ApprovalRequest" in text


def test_in_a_narrow_terminal_what_does_not_fit_goes_below() -> None:
    output = io.StringIO()
    console = Console(file=output, highlight=False, force_terminal=True, color_system=None, width=72)
    screen, kept = TerminalScreen(console), played(DEFAULT)
    screen.heading(*kept.title)
    screen.begin(kept.start)
    for entry in kept.entries:
        screen.entry(entry)
    assert kept.outcome is not None
    screen.end(kept.outcome)
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert max(len(line) for line in lines) <= 72
    [at] = [at for at, line in enumerate(lines) if "AIAnalysis" in line and line.endswith("completed")]
    assert lines[at + 1].strip().startswith("proceed: rollback-deployment")
    [at] = [at for at, line in enumerate(lines) if line.endswith("containers[api-server].image:")]
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "registry.example.com/api-server:1.5.0",
        "-> registry.example.com/api-server:1.4.2",
    ]
    [at] = [at for at, line in enumerate(lines) if line.endswith("◌ RemediationRequest")]
    name = "production/kubepodcrashlooping-c8214877c93bf99a"
    assert lines[at + 1] == f"{' ' * 11}{name} pending", "a first line that is too long goes on where it began"
    assert lines[-1].startswith("  ") and lines[-1].endswith("production/api-server: completed")


def test_as_json_each_entry_is_a_line_and_the_last_one_has_everything() -> None:
    ran = CliRunner().invoke(app, ["demo", "--json", "--scenario", "review"])
    assert ran.exit_code == 0 and ran.stderr == ""
    *entries, last = [json.loads(line) for line in ran.stdout.splitlines()]
    fields = {"time", "aspect", "kind", "namespace", "name", "phase", "reason", "message"}
    assert all(set(entry) == fields for entry in entries)
    assert [entry for entry in entries if entry["aspect"] in ("phase", "health", "alert", "story")]
    assert (last["outcome"], last["scenario"], last["asTold"], last["problems"]) == (
        "manual_review",
        "review",
        True,
        [],
    )
    assert last["expected"] == ["RemediationRequest manual_review (AnalysisInconclusive)"]
    assert last["phases"] == ["pending", "processing", "analyzing", "manual_review"]
    [request], [tree] = last["requests"], last["tree"]
    assert request["source"] == "the gateway" and request["name"] == tree["name"]
    assert [child["kind"] for child in tree["children"]] == ["RemediationProcessing", "AIAnalysis"]
    assert tree["phases"][0] == {
        "phase": "pending", "time": tree["startTime"], "duration": 0.0, "reason": "", "message": "",
    }  # fmt: skip


def test_pauses_end_in_time_and_count_what_went_by_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda span: passed(span)))

    def passed(span: float) -> None:
        clock[0] += span

    pace = Pace()
    pace.pause(0.5)
    assert clock[0] == 0.5
    clock[0] += 0.4
    pace.pause(0.5)
    assert clock[0] == pytest.approx(1.0), "0.4 s of it were over already"
    for _ in range(1000):
        pace.pause(10)
    assert clock[0] <= pacing.BUDGET
    clock[0] += 60
    pace.pause(10)
    assert clock[0] <= pacing.BUDGET + 60, "nobody waits where the machine was slow"


def test_a_story_is_named_as_an_argument_too() -> None:
    given, option = (CliRunner().invoke(app, ["demo", *each, "review"]) for each in ((), ("-s",)))
    assert given.exit_code == 0 and given.stdout == option.stdout


@pytest.mark.parametrize("options", [["--list"], ["list"], ["--scenario", "list"]])
def test_the_list_tells_each_scenario_in_a_line(options: list[str]) -> None:
    ran = CliRunner().invoke(app, ["demo", *options])
    assert ran.exit_code == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()] == [*SCENARIOS, "scale"]
    assert "(default)" in ran.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scenario", "flood"], "there is no scenario 'flood'; there is rollout, recovery"),
        (["--scenario", "rolout"], "did you mean 'rollout'?"),
        (["rolout"], "did you mean 'rollout'?"),
        (["node", "--scenario", "node"], "not together with --scenario"),
        (["node", "-f", "x.yaml"], "not together with --file"),
        (["--scenario", "node", "-f", "x.yaml"], "not together with --file"),
        (["--approve"], "only with --file"),
    ],
)
def test_options_that_cannot_be_used_are_told_in_a_line(options: list[str], said: str) -> None:
    ran = CliRunner().invoke(app, ["demo", *options])
    assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
    assert said in ran.stderr


def test_an_end_that_is_not_the_one_told_is_named() -> None:
    subjects = outcome("review").subjects
    told = [Ending("RemediationRequest", "completed", "Remediated")]
    assert not_as_told(told, subjects) == [
        "told was RemediationRequest completed (Remediated), "
        "and it is RemediationRequest manual_review (AnalysisInconclusive)"
    ]
    assert not_as_told([*told, *told], subjects)[-1] == "told were 2 ends, and there are 1"
