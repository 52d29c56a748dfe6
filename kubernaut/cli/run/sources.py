"""Reads the configuration, options before variables before a file, and tells all that is wrong with it at once."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kubernaut.cli.run.consistency import contradictions
from kubernaut.cli.run.settings import PREFIX, Described, RunSettings, described
from kubernaut.cli.run.values import nearest

CONFIG = "config"
DEFAULT = "default"
# What Kubernetes puts into every container of a namespace that has a Service named kubernaut, or kubernaut-...
_SERVICE_LINK = re.compile(r".*(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT|_PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)")
_OF_OTHER_COMMANDS = ("KUBERNAUT_EXPLORE", "KUBERNAUT_GATEWAY_")

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one setting. `origin`: where its value came from; "" where none was given."""

    key: str
    text: str
    origin: str = ""

    def __str__(self) -> str:
        where = f"{self.key} ({self.origin})" if self.origin else self.key
        return f"{where}: {self.text}" if where else self.text


class Misconfigured(Exception):
    """The configuration cannot be used; `problems` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings that fit together, and where each came from: `origins` by field, without those left at their default."""

    settings: RunSettings
    origins: Mapping[str, str]

    def problem(self, field: str, text: str) -> Problem:
        """A problem with a field, which names where its value came from."""
        return Problem(field.replace("_", "-"), text, self.origins.get(field, DEFAULT))


@dataclass(frozen=True, slots=True)
class _Given:
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Form(Generic[S]):
    """The settings of one command: their model, the prefix of their variables, and what contradicts what."""

    model: type[S]
    prefix: str
    contradictions: Callable[[S, Mapping[str, object]], Iterable[tuple[str, str]]]

    @property
    def settings(self) -> list[Described]:
        """Each of them."""
        return list(described(self.model, self.prefix))


RUN = Form(RunSettings, PREFIX, contradictions)


def read(options: Mapping[str, Any], environment: Mapping[str, str]) -> Configuration:
    """The effective configuration of `kubernaut run`. `options` are by field, and `config`. Raises Misconfigured."""
    return Configuration(*gather(RUN, options, environment))


def gather(form: Form[S], options: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[S, dict[str, str]]:
    """The effective settings, and where each came from. None, and an empty list, are options that were not given.

    Raises Misconfigured.
    """
    problems: list[Problem] = []
    from_options = {
        known.field: _Given(options[known.field], f"option {known.option}")
        for known in form.settings
        if options.get(known.field) not in (None, [], ())
    }
    from_variables = _variables(form, environment, problems)
    config = options.get(CONFIG) or environment.get(f"{form.prefix}{CONFIG.upper()}")
    from_file = _file(form, Path(str(config)).expanduser(), problems) if config else {}
    given = from_file | from_variables | from_options
    settings = _valid(form.model, given, problems)
    origins = {field: value.origin for field, value in given.items()}
    broken = {problem.key for problem in problems}
    for field, text in form.contradictions(settings, origins):
        if field.replace("_", "-") not in broken:
            problems.append(Problem(field.replace("_", "-"), text, origins.get(field, DEFAULT)))
    if problems:
        raise Misconfigured(problems)
    return settings, origins


def _variables(form: Form[S], environment: Mapping[str, str], problems: list[Problem]) -> dict[str, _Given]:
    """An empty variable counts as not set, as in manifests that leave a value open."""
    known = {each.variable: each for each in form.settings}
    found = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(form.prefix) or not value.strip() or name == form.prefix + CONFIG.upper():
            continue
        if name in known:
            found[known[name].field] = _Given(value, f"variable {name}")
        elif not _SERVICE_LINK.fullmatch(name) and not _of_another(form.prefix, name):
            problems.append(Problem(name, f"there is no such variable: {nearest(name, list(known))}"))
    return found


def _of_another(prefix: str, name: str) -> bool:
    return any(name.startswith(other) and other != prefix for other in _OF_OTHER_COMMANDS)


def _file(form: Form[S], path: Path, problems: list[Problem]) -> dict[str, _Given]:
    known = {each.key: each for each in form.settings}
    found = {}
    try:
        content = parsed(path)
    except ValueError as error:
        problems.append(Problem(str(path), str(error)))
        return {}
    for key, value in content.items():
        if key not in known:
            problems.append(Problem(str(key), f"there is no such key: {nearest(str(key), list(known))}", str(path)))
        elif value is not None:
            found[known[key].field] = _Given(value, f"file {path}")
    return found


def parsed(path: Path) -> Mapping[str, Any]:
    """What a file of settings holds. Raises ValueError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("is no UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    try:
        if path.suffix == ".toml":
            content: Any = tomllib.loads(text)
        elif path.suffix == ".json":
            content = json.loads(text, object_pairs_hook=_once)
        else:
            content = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}is no valid YAML: {error.problem or error.context}") from None
    except (ValueError, yaml.YAMLError) as error:  # TOML's and JSON's own errors name the line
        raise ValueError(f"cannot be read: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError("must hold settings by name, such as `leader-elect: true`")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name in found:
        if sum(other == name for other, _ in pairs) > 1:
            raise ValueError(f"the key {name!r} is given twice; keep one of them")
    return found


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, None] = {}
        for key, _ in node.value:
            if key.value in seen:
                problem = f"the key {key.value!r} is given twice; keep one of them"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen[key.value] = None
        return super().construct_mapping(node, deep=deep)


def _valid(model: type[S], given: Mapping[str, _Given], problems: list[Problem]) -> S:
    """The settings, with defaults in place of what cannot be used."""
    values = {field: each.value for field, each in given.items()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        broken = {str(each["loc"][0]): each for each in error.errors()}
    for field, each in broken.items():
        reason = each.get("ctx", {}).get("error", each["msg"])
        problems.append(Problem(field.replace("_", "-"), str(reason), given[field].origin))
    return model.model_validate({field: value for field, value in values.items() if field not in broken})
