"""Draws a tree for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text
from rich.tree import Tree

from kubernaut.cli.tree.model import Branch, Passed, shown_span
from kubernaut.remediation.approval.gate import NOT_STAMPED

GOOD = ("completed", "rollback_ready", "approved", "proceed", "approve")
BAD = ("failed", "rejected", "expired", "vanished", "unhealthy")
WAITING = ("blocked", "manual_review", "validated", "pending", "stopped", "review")

_MARKS = {"good": ("✔", "green"), "bad": ("✘", "red"), "waiting": ("◌", "yellow"), "active": ("●", "cyan")}


def mark_of(phase: str) -> tuple[str, str]:
    """The symbol and the style of a phase, of any kind."""
    if phase in GOOD:
        return _MARKS["good"]
    if phase in BAD:
        return _MARKS["bad"]
    return _MARKS["waiting" if phase in WAITING else "active"]


def drawn(root: Branch, *, brief: bool = False) -> Tree:
    """The tree to print. `brief`: without the details."""
    tree = Tree(_label(root, brief), guide_style="dim")
    _add(tree, root, brief)
    return tree


def _add(tree: Tree, branch: Branch, brief: bool) -> None:
    for child in branch.children:
        _add(tree.add(_label(child, brief)), child, brief)


def _label(branch: Branch, brief: bool) -> Text:
    mark, style = _MARKS["waiting"] if branch.reason == NOT_STAMPED else mark_of(branch.phase)
    text = Text.assemble((f"{mark} ", style), (branch.kind, "bold"), f" {branch.name}  ")
    text.append(branch.phase or "not begun", style)
    if branch.lasted is not None:
        text.append(f"  {shown_span(branch.lasted)}", "dim")
    if branch.gone:
        text.append("  (not there any more)", "dim")
    told = ": ".join(dict.fromkeys(filter(None, (branch.reason, branch.message))))
    if told:
        text.append(f"\n{told}", "red" if style == "red" else "yellow" if style == "yellow" else "dim")
    if passed := "  ".join(_passed(branch.passed)):
        text.append(f"\n{passed}", "dim")
    if not brief:
        for line in _details(branch.details):
            text.append(f"\n{line}", "dim")
    return text


def _passed(passed: list[Passed]) -> Iterator[str]:
    """`validating 2s`; the last phase, when it is the end, without a span."""
    for each in passed:
        yield each.phase if each.duration is None else f"{each.phase} {shown_span(each.duration)}"


def _details(details: dict[str, Any]) -> Iterator[str]:
    for name, value in details.items():
        if not isinstance(value, list):
            yield f"{name}: {value}"
        elif len(value) == 1:
            yield f"{name}: {value[0]}"
        else:
            yield f"{name}:"
            yield from (f"  {each}" for each in value)
