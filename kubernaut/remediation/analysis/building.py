"""Makes the analyzer that an operator's settings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kubernaut.actions import Catalog
from kubernaut.remediation.analysis.analyzer import Analyzer
from kubernaut.remediation.analysis.combined import CombinedAnalyzer
from kubernaut.remediation.analysis.http import HttpAnalyzer
from kubernaut.remediation.analysis.rules import RuleAnalyzer


def build_analyzer(
    catalog: Catalog,
    *,
    rules: Sequence[str | Path] = (),
    shipped: bool = True,
    url: str | None = None,
    token_file: str | Path | None = None,
    ca_file: str | Path | None = None,
    timeout: float = 45.0,
) -> Analyzer:
    """The service at `url` where one is named, then rules of files and folders, then those that come with kubernaut.

    Raises RuleError for rules that cannot be used, ValueError for settings that cannot, OSError for a CA that is not
    there, and ValueError where nobody would answer.
    """
    found: list[Analyzer] = []
    if url is not None:
        found.append(HttpAnalyzer(url, token_file=token_file, ca_file=ca_file, timeout=timeout))
    if rules or shipped:
        load = RuleAnalyzer.load(*rules, shipped=shipped, catalog=catalog) if rules else RuleAnalyzer.shipped()
        found.append(load)
    if not found:
        raise ValueError("no analyzer: name a service or rules, or leave the shipped rules on")
    return found[0] if len(found) == 1 else CombinedAnalyzer(found)


async def close_analyzer(analyzer: Analyzer) -> None:
    """Close what an analyzer holds open, if anything."""
    if isinstance(analyzer, (HttpAnalyzer, CombinedAnalyzer)):
        await analyzer.aclose()
