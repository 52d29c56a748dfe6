"""Answers without what differs from run to run: uids, times, versions, generated names and addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Answer = dict[str, Any]

_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_GENERATED = re.compile(r"(?<=gen-)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_ADDRESS = re.compile(r"^10\.0\.0\.\d+$")
_OLD_VERSION = re.compile(r"(?<=too old resource version: )\d+ \(\d+\)")
_VOLATILE = frozenset(["storageVersionHash", "serverAddressByClientCIDRs"])
# Told in an order that differs from run to run.
_UNORDERED = frozenset(["causes", "nonResourceRules", "resourceRules"])
# A list's own version depends on what else happens on the server.
_LISTS = ("List", "Table")


def normalised(answers: Mapping[str, Answer], steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
    """The answers of one scenario, cut to what each step keeps, with names for what varies."""
    words = _Words()
    return {
        name: words.of_step(name, {**answer, "body": _cut(answer, steps[name])}) for name, answer in answers.items()
    }


def _cut(answer: Answer, step: Mapping[str, Any]) -> Any:
    body = answer["body"]
    if "only" in step and answer["status"] < 400:
        kept: dict[str, Any] = {}
        for path in step["only"]:
            found = _picked(body, path.split("."))
            if found not in (None, []):
                kept[path] = found
        body = kept
    for path in step.get("ignore", []):
        _drop(body, path.split("."))
    if step.get("unordered"):
        body["items"].sort(key=lambda item: item["metadata"]["name"])
    return body if step.get("owners") else _without_owners(body)


def _picked(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    if path[0] == "*":
        return [_picked(item, path[1:]) for item in value or []]
    return _picked(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else None


def _drop(value: Any, path: list[str]) -> None:
    if isinstance(value, list) and path[0] == "*":
        for item in value:
            _drop(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            _drop(value[path[0]], path[1:])


def _without_owners(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_owners(item) for key, item in value.items() if key != "managedFields"}
    return [_without_owners(item) for item in value] if isinstance(value, list) else value


def _is_list(value: Mapping[str, Any]) -> bool:
    return str(value.get("kind", "")).endswith(_LISTS)


class _Words:
    """The names given in one scenario: a uid or version is called after the step that showed it first."""

    def __init__(self) -> None:
        self._step, self._names = "", dict[str, str]()

    def of_step(self, step: str, answer: Answer) -> Answer:
        self._step = step
        plain: Answer = self.plain(answer)
        return plain

    def _name(self, kind: str, value: str) -> str:
        if value not in self._names:
            stem = f"<{kind} of {self._step}"
            number = sum(1 for name in self._names.values() if name.startswith((stem + ">", stem + " ")))
            self._names[value] = f"{stem} {number + 1}>" if number else f"{stem}>"
        return self._names[value]

    def plain(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return self._plain_object(value)
        if isinstance(value, list):
            if key == "managedFields":
                value = sorted(value, key=lambda entry: (entry["manager"], entry["operation"], entry["apiVersion"]))
            plain = [self.plain(item, key) for item in value]
            return sorted(plain, key=str) if key in _UNORDERED else plain
        if isinstance(value, str):
            return self._plain_text(value, key)
        return "<port>" if key == "nodePort" and value else value

    def _plain_object(self, value: dict[str, Any]) -> dict[str, Any]:
        several = len((value.get("details") or {}).get("causes") or []) > 1 if value.get("kind") == "Status" else False
        if several and "message" in value:
            value = {**value, "message": value["message"].partition("[")[0]}
        plain = {}
        for key, item in sorted(value.items()):
            if key not in _VOLATILE:
                of_list = key == "metadata" and _is_list(value) and "resourceVersion" in item
                shown = {**item, "resourceVersion": "<version>"} if of_list else item
                plain[self._plain_text(key, "")] = self.plain(shown, key)
        return plain

    def _plain_text(self, value: str, key: str) -> str:
        if key == "resourceVersion" and value.isdigit():
            return self._name("version", value)
        if key == "continue":
            return "<continue>"
        value = _UID.sub(lambda found: self._name("uid", found[0]), value)
        value = _OLD_VERSION.sub("<versions>", _GENERATED.sub("<random>", _TIME.sub("<time>", value)))
        return "<address>" if _ADDRESS.match(value) else value
