"""Documents that travel as text in a parameter: read as Kubernetes reads YAML, and never more than they show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from yaml.constructor import ConstructorError

MAX_TEXT = 64 * 1024
"""Characters of a document that somebody writes; so the way back, which is as long, mostly fits into a status."""
MAX_CAPTURED = 768 * 1024
"""Bytes of a document that was captured: a Secret takes it twice, as the way back and as the file of its Job."""

_SHOWN = 63
_MAX_NAME = 253
_DEEPEST = 100
"""Levels of a document. No object of Kubernetes has as many, and each token costs PyYAML the time of all above it."""
_SERVER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_JOB_LABELS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")


class _Loader(yaml.SafeLoader):
    """Timestamps stay text, as in Kubernetes. Aliases are refused: a few lines of them unfold to gigabytes."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("YAML aliases are not taken: write the value out")
        if self._depth >= _DEEPEST:
            raise ValueError("is nested too deeply")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError):
            if not isinstance(node, yaml.ScalarNode):
                raise
            # PyYAML trusts that a value fits its tag: `!!bool maybe` is a KeyError there.
            kind = node.tag.rpartition(":")[2][:_SHOWN]
            raise ConstructorError(None, None, f"the value cannot be read as {kind}", node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ValueError(f'the key "{key.value[:_SHOWN]}" is there twice')
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def check_length(text: str, context: Any) -> None:
    """Refuse, with ValueError, a document that is too long: for a person's, or with `{"captured": True}` for one that
    was captured from the cluster."""
    limit = MAX_CAPTURED if isinstance(context, Mapping) and context.get("captured") else MAX_TEXT
    if len(text) > limit:
        raise ValueError(f"must have at most {limit} characters, got {len(text)}")


def read_document(text: str) -> Any:
    """The one document in `text`, YAML or JSON, as JSON values. Raises ValueError in words for a reader.

    Above MAX_TEXT only JSON is read, which takes a hundredth of the time.
    """
    if len(text) > MAX_TEXT:
        return _read_json(text)
    try:
        found = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"is not YAML: {where}{getattr(error, 'problem', None) or 'it cannot be read'}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if len(found) != 1:
        raise ValueError(f"must hold one document, has {len(found)}")
    try:
        return json.loads(json.dumps(found[0], allow_nan=False))
    except (TypeError, ValueError):
        raise ValueError("holds a value that JSON does not know") from None


def _read_json(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"holds {name}, which JSON does not know")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError:
        raise ValueError(f"is not JSON, and above {MAX_TEXT} characters only JSON is read") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def read_manifest(text: str) -> dict[str, Any]:
    """The one object in `text`. Raises ValueError where it could not be a manifest that somebody wrote."""
    document = read_document(text)
    if not isinstance(document, dict):
        raise ValueError("must be an object with apiVersion, kind and metadata")
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str) or not document[key]:
            raise ValueError(f"{key} is missing")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise ValueError("metadata.name is missing: one named object, no list")
    for key in ("uid", "resourceVersion", "managedFields", "generateName"):
        if key in metadata:
            raise ValueError(f"metadata.{key} must be left out: what it depends on is taken from the live object")
    return document


def is_document(text: str) -> bool:
    """Whether `text` is an object or a list rather than a plain value. Reads at most MAX_TEXT characters."""
    try:
        return len(text) > MAX_TEXT or isinstance(read_document(text), dict | list)
    except ValueError:
        return False


def identity(text: str) -> dict[str, str]:
    """The `kind` and `name` of the object in `text`, as far as it has them; nothing else of it."""
    try:
        document = read_document(text) if len(text) <= MAX_TEXT else None
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    metadata = document.get("metadata")
    found = {"kind": document.get("kind"), "name": metadata.get("name") if isinstance(metadata, dict) else None}
    return {key: value for key, value in found.items() if isinstance(value, str) and 0 < len(value) <= _MAX_NAME}


def compact(document: Any) -> str:
    """The document as JSON in one line."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def recreatable(live: Mapping[str, Any]) -> dict[str, Any]:
    """The object as it would have to be created again: without status and what the server fills in by itself."""
    document = {key: value for key, value in live.items() if key != "status"}
    document["metadata"] = {key: value for key, value in live["metadata"].items() if key not in _SERVER_METADATA}
    if (document["apiVersion"], document["kind"]) == ("batch/v1", "Job"):
        _without_generated_selector(document)
    return document


def _without_generated_selector(job: dict[str, Any]) -> None:
    """A Job's selector and its labels are made from its uid; the server refuses a new Job that brings old ones."""
    spec = dict(job.get("spec") or {})
    if spec.get("manualSelector"):
        return
    spec.pop("selector", None)
    template = dict(spec.get("template") or {})
    for holder in (template, job):
        metadata = dict(holder.get("metadata") or {})
        metadata["labels"] = {k: v for k, v in (metadata.get("labels") or {}).items() if k not in _JOB_LABELS}
        holder["metadata"] = metadata
    job["spec"] = {**spec, "template": template}
