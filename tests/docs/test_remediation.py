"""The guide about remediation: its diagrams and tables are what the program does."""

from __future__ import annotations

from importlib import import_module

import pytest

from kubernaut.remediation.workflow.errors import BY_REASON
from kubernaut.remediation.workflow.types import ErrorType
from tests.docs.diagrams import DOCS, TABLES, drawn, kinds, pages, table

GUIDE = DOCS / "remediation.md"


def test_the_diagrams_are_those_of_the_phase_tables() -> None:
    for page, text in pages().items():
        assert drawn(text) == text, f"{page.name} is out of date: python -m tests.docs.diagrams"


def test_every_kind_with_phases_has_one_diagram() -> None:
    found = [kind for text in pages().values() for kind in kinds(text)]
    assert sorted(found) == sorted(TABLES)


@pytest.mark.parametrize("kind", TABLES)
def test_a_diagram_names_every_phase_and_transition(kind: str) -> None:
    lines = table(kind).diagram().splitlines()
    for phase, row in table(kind).items():
        for following in row.next:
            assert f"    {phase} --> {following}" in lines
        assert row.next or f"    {phase} --> [*]" in lines


def test_there_are_no_other_kinds_with_phases() -> None:
    """A room with a phase table is in the list of diagrams."""
    rooms = sorted((DOCS.parent / "kubernaut" / "remediation").glob("*/phases.py"))
    modules = {f"kubernaut.remediation.{path.parent.name}.phases" for path in rooms}
    assert {name for name in modules if hasattr(import_module(name), "PHASES")} == set(TABLES.values())


def test_the_guide_names_every_kind_of_failure_and_sorts_the_reasons_as_the_program_does() -> None:
    rows = [line.strip("|").split("|") for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    told = {cells[0].strip(" `"): cells[-1] for cells in rows if cells[0].strip(" `") in {*ErrorType}}
    assert set(told) == {str(kind) for kind in ErrorType}
    for kind, text in told.items():
        for reason in (word.strip("`,") for word in text.split() if word.startswith("`")):
            assert BY_REASON.get(reason) == kind, f"{reason} is {BY_REASON.get(reason)}"
