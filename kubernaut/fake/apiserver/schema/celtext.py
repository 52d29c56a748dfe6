"""CEL expressions as text: what is rewritten before they are compiled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_STRING: Final = re.compile(r"""[rRbB]?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""")
_VALIDATION: Final = re.compile(r"\bformat\.\w+\(\)\.validate\(")


def outside_strings(expression: str, change: Callable[[str], str]) -> str:
    """`expression` with `change` applied to everything but its string literals."""
    parts, end = [], 0
    for found in _STRING.finditer(expression):
        parts += [change(expression[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, change(expression[end:])])


def without_strings(expression: str) -> str:
    """`expression` with its string literals emptied."""
    return _STRING.sub("''", expression)


def with_optionals(expression: str) -> str:
    """`expression` with the results of format validations made optional, which extension functions cannot return."""
    blank = _STRING.sub(lambda found: "'" + " " * (len(found[0]) - 2) + "'", expression)
    parts, end = [], 0
    for found in _VALIDATION.finditer(blank):
        close = _closing(blank, found.end())
        parts += [expression[end : found.start()], "optional.ofNonZeroValue(", expression[found.start() : close], ")"]
        end = close
    return "".join([*parts, expression[end:]])


def _closing(text: str, start: int) -> int:
    """The place behind the parenthesis that closes the one before `start`."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if not depth:
            return index + 1
    return len(text)
