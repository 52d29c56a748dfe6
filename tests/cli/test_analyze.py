"""`kubernaut analyze check`, `rules` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.remediation.analysis.rules import shipped_rules

RULES = "examples/analysis-rules.yaml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["analyze", *arguments])


def test_rules_that_can_be_used_are_counted() -> None:
    result = run("check", RULES)
    assert result.exit_code == 0
    assert result.stdout.startswith("2 rules, revision ")
    assert run("check", RULES, "--alone").stdout != result.stdout


def test_rules_that_cannot_be_used_end_with_2_and_name_file_rule_and_field(tmp_path: Path) -> None:
    wrong = tmp_path / "queue.yaml"
    wrong.write_text(Path(RULES).read_text().replace("logs:", "log:"))
    result = run("check", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == (
        f"{wrong}: rule queue-consumer-stuck: match.container.log: is not known here; "
        'did you mean "logs"? (known: waiting, terminated, exitCodes, restartsAtLeast, logs)\n'
    )


MANY = """
version: 1
rules:
- name: one
  match: {signal: [A]}
  propose: {rootCause: x, confidence: 0.9, steps: [{name: a, action: scale-deploymnt}]}
- name: one
  match: {signals: [A]}
  propose: {rootCause: x, confidence: 3}
  zebra: 1
"""


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(MANY)
    (tmp_path / "c.yaml").write_text("version: 1\nrulez: []\n")
    result = run("check", str(tmp_path))
    assert result.exit_code == 2
    for file in ("a.yaml", "b.yaml"):
        lines = [line for line in result.stderr.splitlines() if f"/{file}: " in line]
        for said in (
            'rule one: match.signal: is not known here; did you mean "signals"? (known: signals, severities, ',
            "rule one: zebra: is not known here (known: name, about, match, ",
            "rule one: propose.confidence: input should be less than or equal to 1",
            'rule one: propose.steps[0].action: unknown action "scale-deploymnt"',
            "rule one: another rule has that name",
        ):
            assert any(said in line for line in lines), said
    assert 'c.yaml: rulez: is not known here; did you mean "rules"? (known: version, rules)' in result.stderr


def test_a_field_of_another_target_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    step = "{name: a, action: cordon-node, target: {kind: Node, name: x, nmae: y}}"
    text = MANY.replace("signal:", "signals:").replace("{name: a, action: scale-deploymnt}", step)
    (tmp_path / "a.yaml").write_text(text)
    assert 'nmae: is not known here; did you mean "name"?' in run("check", str(tmp_path)).stderr


def test_an_action_that_is_not_there_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "queue.yaml"
    wrong.write_text(Path(RULES).read_text().replace("action: scale-deployment", "action: scale"))
    result = run("check", str(wrong))
    assert result.exit_code == 2 and 'propose.steps[0].action: unknown action "scale"' in result.stderr


def test_a_rule_with_a_shipped_rules_name_is_an_error_unless_those_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(Path(RULES).read_text().replace("name: queue-consumer-stuck\n", "name: crash-loop\n"))
    assert run("check", str(file)).exit_code == 2
    assert run("check", str(file), "--alone").exit_code == 0


def test_the_shipped_rules_are_listed() -> None:
    names = [rule.name for rule in shipped_rules().rules]
    table = run("rules").stdout.splitlines()
    assert [row.split()[0] for row in table[:-1]] == names
    listed = json.loads(run("rules", "--json").stdout)
    assert [rule["name"] for rule in listed["rules"]] == names


def test_both_schemas_are_printed() -> None:
    question, answer = (json.loads(run("schema", side).stdout) for side in ("question", "answer"))
    assert {"signal", "target", "facts", "recovery", "actions", "askedAt"} <= set(question["properties"])
    assert answer["required"] == ["rootCause", "confidence"]
    assert run("schema", "other").exit_code == 2
