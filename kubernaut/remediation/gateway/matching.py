"""Which alerts are meant: matchers of labels, in Alertmanager's notation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)

# Other backslashes belong to the pattern.
_ESCAPED = re.compile(r'\\([\\"n])')
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition: `severity=critical`, `namespace!=shop`, `job=~"a|b"`, `pod!~"test-.*"`.

    A label that is missing counts as empty, and patterns match the whole value, both as in Alertmanager. Patterns are
    Python's, which read what RE2 reads but for a few classes.
    """

    label: str
    operator: str
    value: str
    pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read one; raises ValueError."""
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f'{text!r} is no matcher: write it as severity="critical" or namespace=~"shop|cart"')
        label, operator, value = match.groups()
        value = _unquoted(value)
        if not operator.endswith("~"):
            return cls(label, operator, value)
        try:
            return cls(label, operator, value, re.compile(value, re.DOTALL))
        except re.error as error:
            raise ValueError(f"{text!r}: {value!r} is no pattern: {error}") from None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the condition holds."""
        found = labels.get(self.label, "")
        same = self.pattern.fullmatch(found) is not None if self.pattern is not None else found == self.value
        return same is (not self.operator.startswith("!"))

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    if len(value) < 2 or not value.endswith('"'):
        raise ValueError(f"{value}: a quote is not closed")
    return _ESCAPED.sub(lambda escaped: _ESCAPES[escaped[1]], value[1:-1])
