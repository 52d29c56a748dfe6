"""`kubernaut explore`: its exit codes, its table, its JSON, and how a run is made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app

WORLD = "tests.testing.exploration.world"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explore", "--workers", "1", *arguments])


def test_nothing_found_is_0_and_a_table() -> None:
    result = run(f"{WORLD}:website", "--runs", "12")
    assert result.exit_code == 0, result.output
    assert "website" in result.output and "nothing" in result.output and "crash 7, error 1, handover 1" in result.output


def test_a_failure_is_1_and_its_story() -> None:
    result = run(f"{WORLD}:SCENARIOS", "--runs", "20")
    assert result.exit_code == 1
    assert "scenario 'careless': end state" in result.output and ">>" in result.output


def test_a_run_is_made_again_by_its_number_or_from_what_json_wrote(tmp_path: Path) -> None:
    found = run(f"{WORLD}:careless", "--runs", "20", "--json")
    assert found.exit_code == 1
    (report,) = json.loads(found.stdout)["scenarios"]
    (failure,) = report["failures"]
    file = tmp_path / "found.json"
    file.write_text(found.stdout)

    for given in (str(failure["seed"]), str(file)):
        again = run(f"{WORLD}:careless", "--replay", given, "--json")
        assert again.exit_code == 1
        (one,) = json.loads(again.stdout)["scenarios"][0]["failures"]
        assert one["timeline"] == failure["timeline"] and one["diff"] == failure["diff"]
    assert run(f"{WORLD}:careless", "--replay", "0").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "give MODULE:ATTR"),
        (["tests.no_such_module:x"], "no module"),
        ([f"{WORLD}:websit"], "did you mean 'website'?"),
        ([f"{WORLD}:Website"], "it must be a kubernaut.testing.exploration.Scenario"),
        ([f"{WORLD}:website", "--replay", "no.json"], "No such file"),
        ([f"{WORLD}:website", "--replay", "pyproject.toml"], "this is no JSON"),
    ],
)
def test_what_cannot_be_used_is_2_and_one_sentence(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and told in result.output.replace("\n", " ")


def test_json_without_a_schedule_cannot_be_replayed(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"scenarios": []}')
    assert run(f"{WORLD}:website", "--replay", str(file)).exit_code == 2
