"""Draws the state diagrams of the guides from the phase tables: `python -m tests.docs.diagrams` rewrites the blocks
between `<!-- diagram:KIND -->` and `<!-- /diagram -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from kubernaut.remediation.machine import PhaseTable

DOCS = Path(__file__).parents[2] / "docs"
TABLES: Mapping[str, str] = {
    "KubernetesExecution": "kubernaut.remediation.execution.phases",
    "WorkflowExecution": "kubernaut.remediation.workflow.phases",
    "RemediationProcessing": "kubernaut.remediation.processing.phases",
    "AIAnalysis": "kubernaut.remediation.analysis.phases",
    "RemediationRequest": "kubernaut.remediation.request.phases",
}
"""By kind the module whose `PHASES` is its table: a kind that has one stands here."""
_BLOCK = re.compile(r"(<!-- diagram:(\w+) -->\n).*?(<!-- /diagram -->)", re.DOTALL)


def table(kind: str) -> PhaseTable[object]:  # type: ignore[type-var]
    """The phase table of a kind. Raises KeyError."""
    found: PhaseTable[object] = import_module(TABLES[kind]).PHASES  # type: ignore[type-var]
    return found


def drawn(text: str) -> str:
    """The page with its diagrams as the tables have them now. Raises KeyError for a kind without a table."""
    return _BLOCK.sub(lambda found: f"{found[1]}```mermaid\n{table(found[2]).diagram()}\n```\n{found[3]}", text)


def kinds(text: str) -> list[str]:
    """The kinds whose diagrams a page has."""
    return [found[2] for found in _BLOCK.finditer(text)]


def pages() -> dict[Path, str]:
    """The pages that have diagrams."""
    texts = {page: page.read_text() for page in sorted(DOCS.glob("**/*.md"))}
    return {page: text for page, text in texts.items() if kinds(text)}


if __name__ == "__main__":
    for path, before in pages().items():
        after = drawn(before)
        if after != before:
            path.write_text(after)
            print(path.relative_to(DOCS.parent))
