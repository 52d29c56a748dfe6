"""`kubernaut analyze check|rules|schema`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from kubernaut.actions import Catalog
from kubernaut.cli.analyze.checking import problems_of
from kubernaut.remediation.analysis.analyzer import AnalysisInput, Answer
from kubernaut.remediation.analysis.rules import Rule, RuleError, RuleSet, load_rules, shipped_rules

UNUSABLE = 2
"""Exit code for rules that cannot be used."""

analyze = typer.Typer(
    name="analyze", help="Check rules of analysis, and see what analyzers are asked.", no_args_is_help=True
)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files of rules, or folders of *.yaml.")]
Alone = Annotated[bool, typer.Option("--alone", help="Without the rules that come with kubernaut.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


class Side(StrEnum):
    """Which of the two documents."""

    QUESTION = "question"
    ANSWER = "answer"


@analyze.command()
def check(paths: Paths, alone: Alone = False) -> None:
    """Whether rules can be used: their form, their names beside the shipped ones, their actions and parameters.

    Everything that is wrong is told, a line for each.

    Exit codes: 0 they can, 2 they cannot.
    """
    try:
        if problems := problems_of(paths, _catalog(), alone=alone):
            _fail("\n".join(problems))
        own = load_rules(*paths)
        found = own if alone else load_rules(*paths, shipped=True)
    except RuleError as error:
        _fail(str(error))
    typer.echo(f"{_counted(len(own.rules))}, revision {found.revision}")


@analyze.command()
def rules(json: Json = False) -> None:
    """The rules that come with kubernaut."""
    found = shipped_rules()
    typer.echo(_as_json(found) if json else _table(found))


@analyze.command()
def schema(side: Annotated[Side, typer.Argument(help="What an HTTP analyzer is asked, or has to answer.")]) -> None:
    """The JSON Schema of what travels between kubernaut and an HTTP analyzer."""
    if side is Side.QUESTION:
        typer.echo(json.dumps(AnalysisInput.model_json_schema(by_alias=True, mode="serialization"), indent=2))
    else:
        typer.echo(json.dumps(Answer.model_json_schema(by_alias=True), indent=2))


def _catalog() -> Catalog:
    try:
        return Catalog.installed()
    except Exception as error:  # a module of somebody else's, which may raise anything
        _fail(f"an installed action cannot be used: {error}")


def _counted(number: int) -> str:
    return f"{number} rule{'s' if number != 1 else ''}"


def _table(found: RuleSet) -> str:
    width = max(len(rule.name) for rule in found.rules)
    lines = [f"{rule.name:<{width}}  {rule.propose.confidence:<4g}  {_doing(rule)}" for rule in found.rules]
    return "\n".join([*lines, f"{_counted(len(found.rules))}, revision {found.revision}"])


def _doing(rule: Rule) -> str:
    return ", ".join(step.action for step in rule.propose.steps) or "review"


def _as_json(found: RuleSet) -> str:
    shown: list[dict[str, Any]] = [
        {"name": rule.name, "about": rule.about, "confidence": rule.propose.confidence, "actions": _actions(rule)}
        for rule in found.rules
    ]
    return json.dumps({"revision": found.revision, "rules": shown}, indent=2)


def _actions(rule: Rule) -> list[str]:
    return [step.action for step in rule.propose.steps]


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(UNUSABLE)
