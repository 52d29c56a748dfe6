"""Reads rule files; what is wrong with one is told by file, rule and field."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kubernaut.actions import Catalog, UnknownAction
from kubernaut.remediation.analysis.rules.model import Rule, RuleFile

MAX_BYTES = 1024 * 1024
_SHIPPED = files("kubernaut.remediation.analysis.rules") / "shipped"


class RuleError(ValueError):
    """A rule file cannot be used; the message names each problem by file, rule and field."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in their order; `revision` changes with any of them."""

    rules: tuple[Rule, ...]
    revision: str


def shipped_rules() -> RuleSet:
    """The rules that come with kubernaut."""
    found = sorted((each for each in _SHIPPED.iterdir() if each.name.endswith(".yaml")), key=lambda each: each.name)
    return parse_rules([(each.name, each.read_bytes()) for each in found])


def load_rules(*paths: str | Path, shipped: bool = False) -> RuleSet:
    """The rules in files, and in the `*.yaml` of folders by name; the shipped ones after them where asked for.

    Raises RuleError, also for a file that cannot be read.
    """
    texts: list[tuple[str, bytes]] = []
    for path in map(Path, paths):
        try:
            within = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
            texts += [(str(each), each.read_bytes()) for each in within]
        except OSError as error:
            raise RuleError(f"{path}: cannot be read: {error.strerror}") from error
        if not within:
            raise RuleError(f"{path}: has no file *.yaml")
    own = parse_rules(texts)
    if not shipped:
        return own
    theirs = shipped_rules()
    return RuleSet(_once([*own.rules, *theirs.rules], "the shipped rules"), _revision([own.revision, theirs.revision]))


def parse_rules(texts: Iterable[tuple[str, bytes]]) -> RuleSet:
    """The rules in files of these names and contents. Raises RuleError."""
    rules: list[Rule] = []
    contents = []
    for name, content in texts:
        rules = list(_once([*rules, *_parse(name, content)], name))
        contents.append(content.hex())
    return RuleSet(tuple(rules), _revision(contents))


def check_actions(rules: Sequence[Rule], catalog: Catalog) -> None:
    """Raises RuleError for a step whose action, or the name of a parameter, the catalog does not know."""
    problems = []
    for rule in rules:
        for index, step in enumerate(rule.propose.steps):
            where = f"rule {rule.name}: propose.steps[{index}]"
            try:
                action = catalog.get(step.action)
            except UnknownAction as error:
                problems.append(f"{where}.action: {error}")
                continue
            known = [field.alias or name for name, field in action.parameters.model_fields.items()]
            for name in step.parameters:
                if name not in known:
                    takes = ", ".join(known) or "no parameters"
                    problems.append(f"{where}.parameters.{name}: unknown parameter; {action.name} takes: {takes}")
    if problems:
        raise RuleError("\n".join(problems))


def _once(rules: Sequence[Rule], file: str) -> tuple[Rule, ...]:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise RuleError(f"{file}: rule {rule.name}: another rule has that name")
        seen.add(rule.name)
    return tuple(rules)


def _parse(file: str, content: bytes) -> list[Rule]:
    if len(content) > MAX_BYTES:
        raise RuleError(f"{file}: has {len(content)} bytes, and at most {MAX_BYTES} are read")
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RuleError(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise RuleError(f"{file}: must be an object with version and rules")
    try:
        return RuleFile.model_validate(document).rules
    except ValidationError as error:
        problems = [f"{file}: {_where(detail['loc'], document)}: {_message(detail)}" for detail in error.errors()]
        raise RuleError("\n".join(dict.fromkeys(problems))) from error


def _where(location: tuple[int | str, ...], document: dict[str, Any]) -> str:
    """`rule crash-loop: match.container.waiting[0]`."""
    rule, rest = "", location
    if len(location) >= 2 and location[0] == "rules" and isinstance(location[1], int):
        found = document["rules"][location[1]]
        name = found.get("name") if isinstance(found, dict) else None
        rule, rest = f"rule {name}" if isinstance(name, str) else f"rules[{location[1]}]", location[2:]
    path = ""
    for part in rest:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return ": ".join(part for part in (rule, path) if part) or "the file"


def _message(detail: Any) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not known here"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, got {str(detail['input'])[:60]!r}"


def _revision(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
