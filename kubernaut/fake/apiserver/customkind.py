"""The behaviour of custom resources: pruning, defaulting, validation by their schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Kind, Object
from kubernaut.fake.apiserver.schema import apply_defaults, prune, validate
from kubernaut.fake.apiserver.status import CauseLike, bad_request


class CustomKind(Kind):
    """One version of one CRD."""

    unconditional_update = False
    status_keeps_metadata = True
    strategic = False

    def __init__(self, schema: Object, *, preserve: bool) -> None:
        self.schema = schema
        self._preserve = preserve

    def read(self, obj: Object, warnings: list[str], validation: str) -> None:
        """Drops fields that the schema does not know. Raises StatusError 400 for them if validation is Strict."""
        if self._preserve:
            return
        unknown = [f'unknown field "{path}"' for path in sorted(prune(obj, self.schema))]
        if unknown and validation == "Strict":
            raise bad_request(f"strict decoding error: {', '.join(unknown)}")
        if validation == "Warn":
            warnings.extend(unknown)

    def default(self, obj: Object) -> None:
        apply_defaults(obj, self.schema)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        return [*validate(obj, self.schema, old=old)]

    def status_causes(self, obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
        return [*validate(obj, self.schema, old=old)]
