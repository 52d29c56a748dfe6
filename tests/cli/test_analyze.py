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
    assert result.stderr == f"{wrong}: rule queue-consumer-stuck: match.container.log: is not known here\n"


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
