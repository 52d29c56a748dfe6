"""Everything that is wrong with files of rules, not only the first of it, with what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from kubernaut.actions import Catalog
from kubernaut.remediation.analysis.rules import Rule, RuleError, check_actions, load_rules, parse_rules, shipped_rules
from kubernaut.remediation.analysis.rules.model import RuleFile
from kubernaut.remediation.processing.texts import dig, mappings

_UNKNOWN = ": is not known here"


@dataclass(frozen=True, slots=True)
class _File:
    """A file: what it holds, as far as it can be read, and what is wrong with its form."""

    name: str
    rules: list[Any]
    problems: list[str]


def problems_of(paths: Sequence[Path], catalog: Catalog, *, alone: bool) -> list[str]:
    """What is wrong, by file, rule and field. `alone`: the names of the shipped rules are free.

    Raises RuleError where a path cannot be read at all.
    """
    files = [_read(file) for path in paths for file in _within(path)]
    found = [problem for file in files for problem in (*file.problems, *_of_actions(file, catalog))]
    taken = set() if alone else {rule.name for rule in shipped_rules().rules}
    return list(dict.fromkeys([*found, *_of_names(files, taken)]))


def _within(path: Path) -> list[Path]:
    return sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def _read(path: Path) -> _File:
    try:
        load_rules(path)
        problems = []
    except RuleError as error:
        problems = [_with_hint(each) for each in str(error).splitlines() if "another rule has that name" not in each]
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        document = None  # as has been told
    return _File(str(path), mappings(dig(document, "rules")), problems)


def _of_actions(file: _File, catalog: Catalog) -> Iterator[str]:
    """What is wrong with the actions, also of rules the rest of which cannot be used."""
    for rule in file.rules:
        steps = {"rootCause": "x", "confidence": 1, "steps": dig(rule, "propose", "steps") or []}
        alone = {"name": rule.get("name"), "match": {"signals": ["x"]}, "propose": steps}
        try:
            found = parse_rules([("", yaml.safe_dump({"version": 1, "rules": [alone]}).encode())])
        except (RuleError, yaml.YAMLError):
            continue  # as has been told: the form of the steps is wrong
        try:
            check_actions(found.rules, catalog)
        except RuleError as error:
            yield from (f"{file.name}: {each}" for each in str(error).splitlines())


def _of_names(files: Sequence[_File], taken: set[str]) -> Iterator[str]:
    seen: set[str] = set()
    for file in files:
        for name in (rule.get("name") for rule in file.rules):
            if not isinstance(name, str):
                continue
            if name in taken:
                yield f"{file.name}: rule {name}: a shipped rule has that name"
            if name in seen:
                yield f"{file.name}: rule {name}: another rule has that name"
            seen.add(name)


def _with_hint(problem: str) -> str:
    """A field that is not known, with those that are."""
    if not problem.endswith(_UNKNOWN):
        return problem
    *above, path = problem.removesuffix(_UNKNOWN).split(": ")
    model: type[BaseModel] | None = Rule if above and above[-1].startswith(("rule ", "rules[")) else RuleFile
    *parents, name = path.split(".")
    for parent in parents:
        model = _below(model, parent.partition("[")[0]) if model is not None else None
    if model is None:
        return problem
    known = [field.alias or each for each, field in model.model_fields.items()]
    close = get_close_matches(name, known, 1)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    return f"{problem}{meant} (known: {', '.join(known)})"


def _below(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of a field."""
    for each, field in model.model_fields.items():
        if name in (each, field.alias):
            return _model_in(field.annotation)
    return model if name == model.__name__ else None  # a choice is told by its type


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)
