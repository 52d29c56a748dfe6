"""The behaviour of custom resources: pruning, defaulting, validation by their schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubernaut.fake.apiserver.kinds.base import Kind, Object
from kubernaut.fake.apiserver.remembered import Remembered
from kubernaut.fake.apiserver.schema import apply_defaults, prune, validate
from kubernaut.fake.apiserver.status import CauseLike, bad_request, invalid_value


class CustomKind(Kind):
    """One version of one CRD."""

    unconditional_update = False
    status_keeps_metadata = True
    strategic = False

    def __init__(self, schema: Object, *, preserve: bool, scale_paths: tuple[str, ...] = ()) -> None:
        self.schema = schema
        self._scale_paths = [path for path in scale_paths[:2] if path]
        self._preserve = preserve
        self._valid: Remembered[bool] = Remembered()

    def read(self, obj: Object, warnings: list[str], validation: str) -> None:
        """Drops fields that the schema does not know. Raises StatusError 400 for them if validation is Strict."""
        if self._preserve:
            return
        unknown = [f'unknown field "{path}"' for path in sorted(prune(obj, self.schema))]
        if unknown and validation == "Strict":
            kind, version = obj["kind"], obj["apiVersion"].rpartition("/")[2]
            text = f"strict decoding error: {', '.join(unknown)}"
            raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {text}')
        if validation == "Warn":
            warnings.extend(unknown)

    def default(self, obj: Object) -> None:
        apply_defaults(obj, self.schema)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        return [*self._validated(obj, old), *self._scale_causes(obj)]

    def _scale_causes(self, obj: Mapping[str, Any]) -> Iterator[CauseLike]:
        for path in self._scale_paths:
            value: Any = obj
            for part in path.strip(".").split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                named = {str: "string", bool: "bool", float: "float64"}.get(type(value), "map[string]interface {}")
                yield invalid_value(path, "0", f"{path} accessor error: {value} is of the type {named}, expected int64")
            elif isinstance(value, int) and value < 0:
                yield invalid_value(path, str(value), "should be a non-negative integer")

    def status_causes(self, obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
        return self._validated(obj, old)

    def _validated(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        """The causes by the schema; that a value is valid is remembered."""
        key = (_content(obj), None if old is None else _content(old))
        if self._valid.get(key):
            return []
        causes: list[CauseLike] = [*validate(obj, self.schema, old=old)]
        if not causes:
            self._valid.remember(key, True)
        return causes


def _content(obj: Mapping[str, Any]) -> bytes:
    """What a schema can see: of the metadata the names alone."""
    metadata = obj.get("metadata")
    if isinstance(metadata, Mapping):
        metadata = {name: metadata.get(name) for name in ("name", "generateName")}
    return msgspec.json.encode({**obj, "metadata": metadata})
