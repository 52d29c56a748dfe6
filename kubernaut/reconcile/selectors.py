"""Label selectors, matched locally on the labels of cached objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LabelsArg = str | Mapping[str, str] | None

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """`key` in / not in `values`; with `values` None: exists / does not exist."""

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        present = self.key in labels
        if self.values is None:
            return present != self.negated
        return (present and labels[self.key] in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class LabelSelector:
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    @classmethod
    def parse(cls, selector: LabelsArg) -> LabelSelector:
        """Parse a mapping or the syntax of `kubectl -l`; raises ValueError naming the term that is not understood."""
        if not selector:
            return cls()
        if isinstance(selector, Mapping):
            return cls(tuple(Requirement(k, frozenset((v,))) for k, v in selector.items()))
        return cls(tuple(_requirement(term.strip()) for term in re.split(r",(?![^(]*\))", selector) if term.strip()))


def selector_text(selector: LabelsArg) -> str | None:
    """The query form of a selector, with sorted keys so that equal selectors are one informer."""
    if not selector:
        return None
    if isinstance(selector, str):
        return selector
    return ",".join(f"{key}={selector[key]}" for key in sorted(selector))


def _requirement(term: str) -> Requirement:
    if match := _SET.match(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["op"] == "notin")
    for operator in ("!=", "==", "="):
        key, found, value = term.partition(operator)
        if found:
            return Requirement(key.strip(), frozenset((value.strip(),)), negated=operator == "!=")
    negated = term.startswith("!")
    key = term.removeprefix("!").strip()
    if not key or any(c in key for c in " ()<>"):
        raise ValueError(f"label selector: {term!r} is not understood")
    return Requirement(key, None, negated)
