"""The promises of docs/analyzers.md: its rules, names, tables and answers are those of the program."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kubernaut.remediation.analysis.analyzer import Answer
from kubernaut.remediation.analysis.rules import parse_rules, shipped_rules
from kubernaut.remediation.analysis.rules.model import ContainerMatch, EventMatch, Match, PodMatch, RecoveryMatch
from kubernaut.remediation.analysis.rules.templates import NAMES
from tests.docs.diagrams import drawn, kinds

GUIDE = Path(__file__).parents[3] / "docs" / "analyzers.md"
TEXT = GUIDE.read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_diagrams_are_those_of_the_phase_tables() -> None:
    assert kinds(TEXT) == ["RemediationProcessing", "AIAnalysis"]
    assert drawn(TEXT) == TEXT


def test_every_shipped_rule_is_in_the_table_with_its_confidence() -> None:
    rules = TEXT.partition("## Rules\n")[2].partition("### Writing one")[0]
    table = re.findall(r"^\| `([\w-]+)` \| .* \| ([\d.]+) \|$", rules, flags=re.MULTILINE)
    assert {name: float(sure) for name, sure in table} == {
        rule.name: rule.propose.confidence for rule in shipped_rules().rules
    }


def test_every_name_that_a_text_may_hold_is_listed() -> None:
    listed = TEXT.partition("<!-- names -->")[2].partition("<!-- end -->")[0]
    assert re.findall(r"`([\w.]+)`", listed) == list(NAMES)


def test_every_field_of_a_match_is_explained() -> None:
    table = TEXT.partition("| in `match` and `unless`")[2].partition("In `propose`")[0]
    for model in (Match, ContainerMatch, PodMatch, EventMatch, RecoveryMatch):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in table, name


def test_the_rule_and_the_answer_that_are_shown_are_taken() -> None:
    (rules,) = blocks("yaml")
    assert [rule.name for rule in parse_rules([("guide", rules.encode())]).rules] == ["queue-consumer-stuck"]
    (answer,) = blocks("json")
    assert set(json.loads(answer)) == set(Answer.model_json_schema(by_alias=True)["properties"])
    assert Answer.model_validate_json(answer).recommendation == "approve"
