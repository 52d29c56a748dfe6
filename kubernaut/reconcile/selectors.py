"""Label and field selectors: one text for equal ones, and matched locally as far as the metadata tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kubernaut.client.params import selector_text

LabelsArg = str | Mapping[str, str] | None

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_COMMA = re.compile(r",(?![^(]*\))")


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

    def implies(self, other: Requirement) -> bool:
        """Whether labels that match this match `other` too; False where that takes more than a look at the two."""
        if self == other:
            return True
        if self.key != other.key or self.negated or self.values is None or other.negated:
            return False
        return other.values is None or self.values <= other.values

    def __str__(self) -> str:
        if self.values is None:
            return f"!{self.key}" if self.negated else self.key
        if len(self.values) == 1:
            return f"{self.key}{'!=' if self.negated else '='}{next(iter(self.values))}"
        return f"{self.key} {'notin' if self.negated else 'in'} ({','.join(sorted(self.values))})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def implies(self, other: LabelSelector) -> bool:
        """Whether `other` selects all that this selects; False where that is not plain."""
        return all(any(own.implies(term) for own in self.requirements) for term in other.requirements)

    @classmethod
    def parse(cls, selector: LabelsArg) -> LabelSelector:
        """Parse a mapping or the syntax of `kubectl -l`; raises ValueError naming the term that is not understood."""
        if not selector:
            return cls()
        if isinstance(selector, Mapping):
            return cls(tuple(Requirement(k, frozenset((v,))) for k, v in selector.items()))
        return cls(tuple(_requirement(term) for term in _terms(selector)))


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A field selector as far as it can be told from an object's name and namespace."""

    names: tuple[Requirement, ...]
    others: bool
    """There are terms on other fields, which only the server can match."""

    def may_match(self, namespace: str | None, name: str) -> bool | None:
        """Whether an object is selected; None where only the server can tell."""
        fields = {"metadata.name": name, "metadata.namespace": namespace or ""}
        if not all(term.matches(fields) for term in self.names):
            return False
        return None if self.others else True

    @classmethod
    def parse(cls, selector: LabelsArg) -> FieldSelector:
        """Parse a mapping or the syntax of `kubectl --field-selector`."""
        terms = LabelSelector.parse(selector).requirements
        known = tuple(term for term in terms if term.key in ("metadata.name", "metadata.namespace") and term.values)
        return cls(known, len(known) < len(terms))


def canonical_text(selector: LabelsArg) -> str | None:
    """The query form of a selector, its terms sorted and spelt alike, so that equal selectors are one informer.

    A text that is not understood here is handed on as it is: the server says what is wrong with it.
    """
    if not selector:
        return None
    if isinstance(selector, Mapping):
        return selector_text(selector)
    try:
        return ",".join(sorted({str(_requirement(term)): None for term in _terms(selector)})) or None
    except ValueError:
        return selector


def _terms(selector: str) -> list[str]:
    return [term.strip() for term in _COMMA.split(selector) if term.strip()]


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
