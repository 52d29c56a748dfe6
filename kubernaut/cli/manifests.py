"""Reads manifests from files or standard input; what cannot be read is one clear sentence, never a traceback."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STANDARD_INPUT = "-"


class InputError(Exception):
    """Input that could not be read. The message names the file, the object, the field and the fix."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object as it stood in a file."""

    source: str
    """Where it came from: `FILE`, or `FILE (document 3)` where the file holds several."""
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def group(self) -> str:
        return str(self.body["apiVersion"]).rpartition("/")[0]

    @property
    def name(self) -> str:
        return str(self.body["metadata"].get("name", ""))

    @property
    def namespace(self) -> str | None:
        namespace = self.body["metadata"].get("namespace")
        return None if namespace is None else str(namespace)


def read_manifests(files: Iterable[str]) -> list[Manifest]:
    """Every object of every file, in order; `-` is standard input, `kind: List` is opened.

    Raises:
        InputError: a file that is missing, is not YAML, or holds something that is not a Kubernetes object.
    """
    manifests = [manifest for file in files for manifest in _read_file(file)]
    if not manifests:
        raise InputError("nothing to do: the files hold no Kubernetes object")
    return manifests


def _read_file(file: str) -> Iterator[Manifest]:
    name = "standard input" if file == STANDARD_INPUT else file
    documents = _parse(name, _text_of(file, name))
    for number, document in enumerate(documents, start=1):
        if document is None:
            continue
        source = name if len(documents) == 1 else f"{name} (document {number})"
        yield from _objects_of(source, document)


def _text_of(file: str, name: str) -> str:
    if not name:
        raise InputError("-f: give the name of a file, or '-' for standard input")
    try:
        raw = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def _parse(name: str, text: str) -> list[Any]:
    try:
        if _is_json(text):
            return [json.loads(text)]
        return list(yaml.load_all(text, Loader=_ManifestLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{name}{where}: is not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name}: is not valid YAML: {reason}") from None


def _is_json(text: str) -> bool:
    """JSON with tabs is not YAML; whatever JSON's own parser takes is JSON."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class _ManifestLoader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: keys are text, a date stays the text it was, a key given twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                hint = "a key must be a text; is this a template that was not rendered yet?"
                raise yaml.constructor.ConstructorError(None, None, hint, key.start_mark)
            if key.value in seen:
                problem = f'the key "{key.value}" is given twice; keep one of them'
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
            key.tag = "tag:yaml.org,2002:str"  # `on` and `1` are keys like any other
        return super().construct_mapping(node, deep=deep)


_ManifestLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _objects_of(source: str, document: Any) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        what = "a list" if isinstance(document, list) else f"the {_yaml_type(document)} {str(document)[:40]!r}"
        raise InputError(f"{source}: is not a Kubernetes object but {what}; give apiVersion, kind and metadata.name")
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str) or not document[field]:
            raise InputError(f"{source}: is not a Kubernetes object: {field}: must be a text such as {_EXAMPLE[field]}")
    if document["kind"].endswith("List") and "items" in document:
        for index, item in enumerate(document.get("items") or []):
            yield from _objects_of(f"{source}, items[{index}]", item)
        return
    yield Manifest(source, _checked(source, document))


_EXAMPLE = {"apiVersion": "apps/v1", "kind": "Deployment"}


def _checked(source: str, document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    where = f"{source}: {document['kind']}"
    _check_values(where, "", document, ())
    if not isinstance(metadata, Mapping):
        raise InputError(f"{where}: metadata: must be a mapping that holds at least a name")
    name = metadata.get("name") or metadata.get("generateName")
    if not isinstance(name, str):
        got = "nothing" if name is None else f"the {_yaml_type(name)} {name!r}"
        raise InputError(f"{where}: metadata.name: must be a text, got {got}")
    namespace = metadata.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise InputError(f"{where} {name}: metadata.namespace: must be a text, got {namespace!r}; put it in quotes")
    return document


def _check_values(where: str, path: str, value: Any, above: tuple[int, ...]) -> None:
    """Refuse what YAML can say and JSON, which the API speaks, cannot."""
    if isinstance(value, (dict, list)):
        if id(value) in above:
            raise InputError(f"{where}: {path}: the alias holds itself; write the value out")
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            inner = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}" if path else str(key)
            _check_values(where, inner, member, (*above, id(value)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: {path}: must be a finite number, got {value}")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError(f"{where}: {path}: must be a number of at most 64 bits, got {value}")
    elif not isinstance(value, (str, int, float, bool, type(None))):
        raise InputError(f"{where}: {path}: is {type(value).__name__}, which JSON cannot hold; put it in quotes")


def _yaml_type(value: Any) -> str:
    return {bool: "boolean", int: "number", float: "number", str: "text"}.get(type(value), type(value).__name__)
