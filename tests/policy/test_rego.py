"""What happens with rules that are broken, forbidden or answer nonsense."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubernaut.policy import BundleError, PolicyInput, PolicyTarget, PolicyUnavailable, RegoEvaluator, run_rego_tests
from kubernaut.policy.bundle import refuse_builtins

QUESTION = PolicyInput(
    action="restart-pod", target=PolicyTarget("v1", "Pod", "a", "b"), risk="low", time=datetime(2024, 1, 1, tzinfo=UTC)
)
GOOD = '{"allowed": true, "requires_approval": false, "requires_dry_run": false, "violations": []}'


def bundle(folder: Path, body: str) -> Path:
    (folder / "policy.rego").write_text(f"package kubernaut\n\nimport rego.v1\n\n{body}\n")
    return folder


def test_a_syntax_error_names_the_line_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BundleError, match=r"policy\.rego:6:\d+: "):
        RegoEvaluator(bundle(tmp_path, "decision := {\n foo if if }"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("decision := foo.bar(1)", "Function not found: foo.bar"),
        ("decision := 1 if input.risk\ndecision := 2 if input.risk", "conflict"),
        ("decision := 1 if input.nothing", "undefined"),
        ("decision := 1", "must be an object"),
        ('decision := {"allowed": true}', "decision.requires_approval must be a bool, got nothing"),
        (f'decision := object.union({GOOD}, {{"allowed": "yes"}})', "decision.allowed must be a bool, got 'yes'"),
        (f'decision := object.union({GOOD}, {{"extra": 1}})', "decision.extra is not known"),
        (f'decision := object.union({GOOD}, {{"violations": ["no"]}})', r"decision.violations\[0\]"),
    ],
)
def test_a_bundle_without_a_wellformed_decision_is_refused_at_start(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        RegoEvaluator(bundle(tmp_path, body))


async def test_an_input_the_rules_fail_on_is_unavailable_and_the_next_is_decided(tmp_path: Path) -> None:
    rules = f'decision := {GOOD} if input.action == "restart-pod"\ndecision := {GOOD} if input.action == "twice"'
    conflict = 'decision := 1 if input.action == "twice"'
    evaluator = RegoEvaluator(bundle(tmp_path, f"{rules}\n{conflict}"))
    other = PolicyInput(action="other", target=QUESTION.target, risk="low", time=QUESTION.time)
    twice = PolicyInput(action="twice", target=QUESTION.target, risk="low", time=QUESTION.time)
    for failing in (other, twice):
        with pytest.raises(PolicyUnavailable):
            await evaluator.evaluate(failing)
    assert (await evaluator.evaluate(QUESTION)).allowed


async def test_a_denial_without_a_reason_is_a_hard_denial(tmp_path: Path) -> None:
    rules = f'decision := object.union({GOOD}, {{"allowed": false}})'
    decision = await RegoEvaluator(bundle(tmp_path, rules)).evaluate(QUESTION)
    assert decision.hard_denied


async def test_an_allowing_decision_with_a_violation_denies(tmp_path: Path) -> None:
    rules = f'decision := object.union({GOOD}, {{"violations": [{{"rule": "r", "message": "m", "hard": false}}]}})'
    decision = await RegoEvaluator(bundle(tmp_path, rules)).evaluate(QUESTION)
    assert not decision.allowed
    assert not decision.hard_denied


@pytest.mark.parametrize(
    "source",
    ['x := http.send({"url": "u"})', "x := time.now_ns()", 'x := time["now_ns"]()', "x := opa.runtime()"],
)
def test_builtins_beyond_the_input_are_refused(source: str) -> None:
    with pytest.raises(BundleError, match=r"^p\.rego:3: .* is refused"):
        refuse_builtins("p.rego", f"package kubernaut\n\n{source}")


@pytest.mark.parametrize("source", ["# time.now_ns()", 'x := "http.send"', "x := mytime.now_ns", "x := time.clock(1)"])
def test_words_that_only_look_like_them_are_not(source: str) -> None:
    refuse_builtins("p.rego", source)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no \.rego files"):
        RegoEvaluator(tmp_path)


def test_a_rego_test_that_does_not_hold_is_reported(tmp_path: Path) -> None:
    bundle(tmp_path, f"decision := {GOOD}")
    (tmp_path / "policy_test.rego").write_text(
        'package t\nimport rego.v1\nquestions["test_no"] := [{}]\ntest_no if not data.kubernaut.decision.allowed\n'
    )
    assert [(test.name, test.passed) for test in run_rego_tests(tmp_path)] == [("test_no", False)]
