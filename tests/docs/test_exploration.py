"""The page on exploration: code as in the example, output as the commands print it, complete tables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kubernaut.testing.exploration import Fault
from tests.docs.test_conformance import NAMED, names_in
from tests.exploration import scenarios
from tests.exploration.test_bugs import FOUND

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "exploration.md").read_text()
TIMELINE = re.compile(r"(  |>>|!!) *\d+\.\d{3}  ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_block_of_code_is_in_the_example() -> None:
    example = "\n".join((ROOT / "examples" / name).read_text() for name in ("exploring.py", "test_exploring.py"))
    assert len(blocks("python")) >= 6
    for block in blocks("python"):
        assert block.strip() in example


@pytest.mark.parametrize("block", blocks("text"), ids=lambda block: block.split()[3])
def test_every_command_prints_what_the_page_shows(block: str) -> None:
    command, _, shown = block.partition("\n")
    words = command.removeprefix("$ kubernaut ").split()
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "kubernaut", *words, "--workers", "1"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (1 if "again:" in shown else 0), done.stderr
    assert plain(done.stdout) == plain(shown)


def plain(text: str) -> list[str]:
    """The timeline as it is; of everything else not the numbers, which another choice of schedules changes."""
    lines = (line if TIMELINE.match(line) else re.sub(r"\d+", "#", line) for line in text.strip().splitlines())
    return [" ".join(line.split()) for line in lines]


def test_the_table_of_faults_has_every_fault() -> None:
    named = {name for row in rows("What goes wrong") for name in re.findall(r"`([A-Z]+)`", row[0])}
    assert named == {fault.name for fault in Fault}


def test_the_table_of_bugs_tells_what_finds_them() -> None:
    told = {row[0]: row[2] for row in rows("Ten bugs that people write")}
    assert [bug.name for bug in scenarios.BUGS] == [name for name in told if name in FOUND]
    for name, (fault, call, _) in FOUND.items():
        assert f"`{fault.name}`" in told[name]
        assert f"`{call}`" in told[name]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(PAGE)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []
