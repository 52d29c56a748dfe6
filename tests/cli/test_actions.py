"""`kubernaut actions`: the catalog, in short, in full and as JSON."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from kubernaut.actions import Catalog
from kubernaut.cli.app import app

CATALOG = Catalog.builtin()


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["actions", *args])


def test_all_actions_are_listed_with_their_risk_and_what_undoes_them() -> None:
    done = run()
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [words[0] for words in lines] == ["NAME", *CATALOG.names()]
    assert ["drain-node", "high", "uncordon-node", "Drain", "a", "Node"] in lines


def test_one_action_is_shown_with_parameters_rights_and_a_command() -> None:
    text = run("drain-node").stdout
    assert "deleteEmptydirData" in text and "default false" in text
    assert "create pods/eviction" in text
    assert "kubectl drain node-1 --ignore-daemonsets --timeout=300s" in text


@pytest.mark.parametrize("action", CATALOG.names())
def test_as_json_everything_is_said_of_each_action(action: str) -> None:
    document = json.loads(run(action, "--json").stdout)
    assert document["name"] == action
    assert document["rules"] and document["command"][0] == "kubectl"
    assert document["parametersSchema"]["type"] == "object"
    assert [parameter["name"] for parameter in document["parameters"]] == list(
        document["parametersSchema"].get("properties", {})
    )


def test_all_as_json_are_a_list() -> None:
    assert [document["name"] for document in json.loads(run("--json").stdout)] == CATALOG.names()


def test_an_unknown_action_names_the_nearest_and_ends_with_2() -> None:
    done = run("drain-nod")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert 'kubernaut: unknown action "drain-nod"; did you mean "drain-node"?' in done.stderr
