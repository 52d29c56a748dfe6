"""Texts that name facts: `{pod.name}` is looked up in a fixed list of names, and nothing is ever evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

MAX_TEXT = 4096
NAMES: Mapping[str, str] = {
    "signal.name": "the signal",
    "signal.severity": "its severity",
    "target.kind": "the target's kind",
    "target.name": "the target's name",
    "target.namespace": "the target's namespace",
    "workload.kind": "the kind of what `workloads` found, else of the target",
    "workload.name": "its name",
    "workload.replicas": "its ready and wanted replicas, such as 1/3",
    "pod.name": "the pod that was matched",
    "pod.node": "the node it runs on",
    "pod.reason": "why it is not well",
    "container.name": "the container that was matched",
    "container.image": "its image",
    "container.waiting": "why it waits",
    "container.terminated": "why it ended",
    "container.exitCode": "its last exit code",
    "container.restarts": "how often it was restarted",
    "container.lastLine": "the last line it wrote",
    "event.reason": "the reason of the Event that was matched",
    "event.message": "its message",
    "event.object": "what it is about",
    "event.count": "how often it was told",
    "node.name": "the node that was matched",
    "node.condition": "the condition that was matched",
    "node.status": "its status",
    "revision.current": "the present revision's number",
    "revision.previous": "the number of the one before that was different",
    "revision.image": "the present image of the container that was matched",
    "revision.previousImage": "its image in the previous revision",
    "revision.age": "how long before the signal the workload was changed",
    "autoscaler.name": "the autoscaler that was matched",
    "autoscaler.maximum": "its largest number of replicas",
    "autoscaler.raised": "that number and a half, at least one more",
    "recovery.attempt": "the number of the recovery",
    "recovery.failedAction": "the action that failed",
    "recovery.errorType": "how it failed",
}
"""What a template may name, and what it stands for."""

Value = str | int

_PLACE = re.compile(r"\{([A-Za-z]+(?:\.[A-Za-z]+)+)\}")
_PLAIN = re.compile(r"[A-Za-z0-9._:/@+-]{1,512}")


class MissingFact(LookupError):
    """The facts do not tell what a template names, or tell something that must not stand in a parameter."""


class Template(str):
    """A text in which `{pod.name}` and the like are replaced. Other braces stand for themselves.

    Raises ValueError, when it is made, for a name that is not known.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Template:
        if len(text) > MAX_TEXT:
            raise ValueError(f"must have at most {MAX_TEXT} characters, got {len(text)}")
        for name in _PLACE.findall(text):
            if name not in NAMES:
                raise ValueError(f"{{{name}}} is not known; known: {', '.join(NAMES)}")
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(strict=True, min_length=1))

    def text(self, values: Mapping[str, Value]) -> str:
        """For people. Raises MissingFact."""
        return _PLACE.sub(lambda place: str(_value(values, place[1])), self)

    def parameter(self, values: Mapping[str, Value]) -> Value:
        """For a parameter or a name: one that is nothing but a name keeps its type.

        Raises MissingFact, also for a value with characters that names and images do not have: what strangers wrote
        must not become a part of a document.
        """
        whole = _PLACE.fullmatch(self)
        if whole is not None:
            return _plain(values, whole[1])
        return _PLACE.sub(lambda place: str(_plain(values, place[1])), self)


def _value(values: Mapping[str, Value], name: str) -> Value:
    try:
        return values[name]
    except KeyError:
        raise MissingFact(name) from None


def _plain(values: Mapping[str, Value], name: str) -> Value:
    found = _value(values, name)
    if isinstance(found, str) and not _PLAIN.fullmatch(found):
        raise MissingFact(name)
    return found
