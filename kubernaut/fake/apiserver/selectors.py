"""Label and field selectors: parsing with Kubernetes' messages, and matching."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from kubernaut.fake.apiserver.meta import qualified_name
from kubernaut.fake.apiserver.status import StatusError, bad_request

Labels = Mapping[str, str]
_TOKEN = re.compile(r"\s*(==|!=|[=,()!<>]|[^\s=,()!<>]+)")
_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt", "<", ">")


@dataclass(frozen=True, slots=True)
class Requirement:
    """`key operator values`; operator is one of in, notin, exists, !, gt, lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        try:
            bound = int(next(iter(self.values)))
            return value is not None and (int(value) > bound if self.operator == "gt" else int(value) < bound)
        except ValueError:
            return False


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def fail(self, found: str, expected: str) -> StatusError:
        return bad_request(f"unable to parse requirement: found '{found}', expected: {expected}")

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self.peek():
            found.append(self.requirement())
            after = self.take()
            if not after:
                break
            if after != ",":
                raise bad_request(f"found '{after}', expected: ',' or 'end of string'")
            if not self.peek():
                raise bad_request("found '', expected: identifier after ','")
        return found

    def requirement(self) -> Requirement:
        negated = self.peek() == "!"
        if negated:
            self.take()
        key = self.take()
        if not key or key in "=,()!<>":
            raise self.fail(key, "identifier")
        for cause in qualified_name("key", key):
            text = cause.message.removeprefix("Invalid value: ").removeprefix(f'"{key}": ')
            raise bad_request(f'unable to parse requirement: key: Invalid value: "{key}": {text}')
        if negated:
            return Requirement(key, "!")
        if self.peek() in ("", ","):
            return Requirement(key, "exists")
        operator = self.take()
        if operator not in _OPERATORS:
            raise self.fail(operator, "in, notin, =, ==, !=, gt, lt")
        if operator in ("in", "notin"):
            return Requirement(key, operator, frozenset(self.values()))
        value = "" if self.peek() in ("", ",") else self.take()
        if operator in (">", "<", "gt", "lt") and not value.removeprefix("-").isdigit():
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise bad_request(f'unable to parse requirement: values[0]: Invalid value: "{value}": {text}')
        kind = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}.get(operator, operator)
        return Requirement(key, kind, frozenset([value]))

    def values(self) -> list[str]:
        if self.peek() != "(":
            raise self.fail(self.peek(), "'('")
        self.take()
        values: list[str] = []
        if self.peek() == ")":
            self.take()
            return [""]
        while True:
            token = self.take()
            if token in ("", "(", "=", "!"):
                raise self.fail(token, "',', ')' or identifier")
            if token == ")":
                values.append("")
                return values
            if token == ",":
                values.append("")
                continue
            values.append(token)
            after = self.take()
            if after == ")":
                return values
            if after != ",":
                raise self.fail(after, "',' or ')'")


def parse_labels(text: str) -> list[Requirement]:
    """The requirements of a labelSelector parameter. Raises StatusError 400."""
    return _Parser(text).parse()


def matches_labels(requirements: list[Requirement], labels: Labels) -> bool:
    return all(requirement.matches(labels) for requirement in requirements)


def from_label_selector(selector: Mapping[str, object]) -> list[Requirement]:
    """The requirements of a LabelSelector object (matchLabels, matchExpressions)."""
    found = [
        Requirement(key, "in", frozenset([str(value)])) for key, value in _mapping(selector.get("matchLabels")).items()
    ]
    names = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    expressions = selector.get("matchExpressions")
    for expression in expressions if isinstance(expressions, list) else []:
        operator = names.get(str(expression.get("operator")))
        if operator is None:
            raise ValueError(f'"{expression.get("operator")}" is not a valid label selector operator')
        found.append(Requirement(str(expression.get("key")), operator, frozenset(expression.get("values") or ())))
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """`path = value`, or `!=` when negated."""

    path: str
    value: str
    negated: bool

    def matches(self, fields: Mapping[str, str]) -> bool:
        return (fields.get(self.path, "") == self.value) is not self.negated


def parse_fields(text: str, allowed: Collection[str], unknown: Callable[[str], str]) -> list[FieldTerm]:
    """The terms of a fieldSelector parameter; `unknown` words the refusal of a field that is not in `allowed`."""
    terms: list[FieldTerm] = []
    for part in (piece for piece in text.split(",") if piece):
        found = re.fullmatch(r"([^!=]*)(!=|==|=)(.*)", part, re.DOTALL)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, value = found.groups()
        if path not in allowed:
            raise bad_request(unknown(path))
        terms.append(FieldTerm(path, value, operator == "!="))
    return terms


def matches_fields(terms: list[FieldTerm], fields: Mapping[str, str]) -> bool:
    return all(term.matches(fields) for term in terms)
