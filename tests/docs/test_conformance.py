"""Every test that the conformance pages and the guarantees name is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs" / "conformance").glob("*.md"), ROOT / "docs" / "runtime.md"])
NAMED = re.compile(r"(tests/[\w./-]+\.py)::(test_\w+)")


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text())
    assert named
    missing = [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in names_in(path)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_row_names_a_test_or_says_why_not(page: Path) -> None:
    if page.stem == "runtime":
        return
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    words = ("tests/", "not applicable", "as above", "the same", "---")
    assert [row for row in rows if not row.endswith("test |") and not any(word in row for word in words)] == []
