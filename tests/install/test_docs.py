"""docs/install.md says of each right why it is there: the table is made of the code."""

from __future__ import annotations

import re
from pathlib import Path

from kubernaut.cli.install.wanted import Asked, installation_of
from kubernaut.reconcile import Permission
from kubernaut.reconcile.permission import VERBS

PAGE = Path(__file__).parents[2] / "docs" / "install.md"
MARKS = re.compile(r"(<!-- rights -->\n)(.*?)(<!-- /rights -->)", flags=re.DOTALL)


def table() -> str:
    """Rights of one reason, place and verbs are one row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for right in installation_of(Asked()).all_permissions:
        verbs = ", ".join(sorted(right.verbs, key=VERBS.index))
        rows.setdefault((_place(right), right.why, verbs), []).append(_resource(right))
    lines = ["| where | may | why |", "|---|---|---|"]
    for (place, why, verbs), resources in sorted(rows.items(), key=lambda row: row[0]):
        lines.append(f"| {place} | {verbs} {', '.join(dict.fromkeys(resources))} | {why} |")
    return "\n".join(lines) + "\n"


def _place(right: Permission) -> str:
    return f"`{right.namespace}`" if right.namespace else "everywhere"


def _resource(right: Permission) -> str:
    names = f" {', '.join(right.names)}" if right.names else ""
    return f"`{right.path}`{names}"


def test_the_page_has_every_right_with_its_reason() -> None:
    found = MARKS.search(PAGE.read_text())
    assert found is not None
    wanted = table()
    assert found[2] == wanted, f"docs/install.md: put this between the marks:\n{wanted}"


if __name__ == "__main__":
    PAGE.write_text(MARKS.sub(lambda found: found[1] + table() + found[3], PAGE.read_text()))
