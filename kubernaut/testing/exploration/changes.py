"""What was written while nothing should have been: each change as a diff."""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from kubernaut.fake.apiserver.snapshot import Event, Stored
from kubernaut.testing.exploration.site import QUIET_KINDS

__all__ = ["Changes"]

SHOWN = 40
"""Lines of all diffs together."""
_SERVERS = ("managedFields", "resourceVersion", "generation", "selfLink")


class Changes:
    """Collects the changes that the operator makes, but for events and leases."""

    def __init__(self) -> None:
        self.written: list[tuple[Event, str]] = []

    def changed(self, kind: str, event: Event, actor: str) -> None:
        """See Changed."""
        if actor.startswith("operator/") and kind not in QUIET_KINDS:
            self.written.append((event, actor))

    def told(self) -> str:
        """Each change: the object, and what is different."""
        lines = [line for event, _ in self.written for line in _diff(event)]
        return "\n".join(lines[:SHOWN] + ([f"... {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []))


def _diff(event: Event) -> list[str]:
    after = _plain(event.object)
    name = f"{event.object.namespace}/{event.object.name}" if event.object.namespace else event.object.name
    title = f"{after['kind']} {name}"
    if event.type == "DELETED":
        return [f"{title} was deleted"]
    if event.previous is None:
        return [f"{title} was created:", *(f"+ {line}" for line in _text(after))]
    found = list(difflib.unified_diff(_text(_plain(event.previous)), _text(after), lineterm="", n=1))[2:]
    return [f"{title} was changed:", *found] if found else [f"{title} was written as it was"]


def _plain(stored: Stored) -> dict[str, Any]:
    obj = stored.decode()
    for name in _SERVERS:
        obj["metadata"].pop(name, None)
    return obj


def _text(obj: dict[str, Any]) -> list[str]:
    return yaml.safe_dump(obj, sort_keys=True, default_flow_style=False).splitlines()
