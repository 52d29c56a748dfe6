"""What others wrote, made fit for a status: redacted, in one line, cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.machine.texts import cut

LINE_BYTES = 1024
NAME_BYTES = 253
_READ = 16 * 1024
"""Characters of a text that are looked at: redaction needs more than what is kept."""


def line(text: Any, limit: int = LINE_BYTES) -> str:
    """At most `limit` bytes of a text, redacted, with its line breaks and control characters as spaces."""
    shown = redact(("" if text is None else str(text))[:_READ])
    return cut("".join(each if each.isprintable() else " " for each in shown).strip(), limit)


def dig(document: Any, *path: str) -> Any:
    """The value under `path` in JSON; None where there is none, whatever shape strangers gave it."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def number(document: Any, *path: str, default: int = 0) -> int:
    """The integer under `path`; `default` where there is none."""
    found = dig(document, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def mappings(found: Any) -> list[Mapping[str, Any]]:
    """The objects in a JSON list; none where it is no list."""
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
