"""The patch formats the API server reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

__all__ = ["ApplyPatch", "JsonPatch", "MergePatch", "Patch", "StrategicMergePatch"]


@dataclass(frozen=True, slots=True)
class MergePatch:
    """RFC 7386: maps merge, null deletes, lists are replaced."""

    content_type: ClassVar[str] = "application/merge-patch+json"
    body: Mapping[str, Any]

    def encode(self) -> bytes:
        """The body of the request."""
        return msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class StrategicMergePatch:
    """Kubernetes' own merge, in which lists merge by key. Built-in kinds only."""

    content_type: ClassVar[str] = "application/strategic-merge-patch+json"
    body: Mapping[str, Any]

    def encode(self) -> bytes:
        """The body of the request."""
        return msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """RFC 6902: a list of operations; a ``test`` that fails refuses the whole patch (Invalid)."""

    content_type: ClassVar[str] = "application/json-patch+json"
    operations: Sequence[Mapping[str, Any]]

    def encode(self) -> bytes:
        """The body of the request."""
        return msgspec.json.encode(list(self.operations))


@dataclass(frozen=True, slots=True)
class ApplyPatch:
    """Server-side apply: the fields this manager wants, and no others.

    ``force`` takes fields from other managers; without it such fields are a Conflict. ``field_manager`` defaults to
    the client's.
    """

    content_type: ClassVar[str] = "application/apply-patch+yaml"
    body: Mapping[str, Any]
    force: bool = True
    field_manager: str | None = None

    def encode(self) -> bytes:
        """The body of the request: JSON, which is YAML too."""
        return msgspec.json.encode(self.body)


Patch = MergePatch | StrategicMergePatch | JsonPatch | ApplyPatch
