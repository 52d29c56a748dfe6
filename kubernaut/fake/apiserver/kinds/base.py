"""The hooks by which a kind differs from the generic behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kubernaut.fake.apiserver.status import CauseLike

Object = dict[str, Any]


class Kind:
    """The generic behaviour. Subclasses override what their kind does otherwise; all methods work on plain dicts."""

    returns_deleted: ClassVar[bool] = False  # deletion answers with the object instead of a Status
    unconditional_update: ClassVar[bool] = True  # an update without a resourceVersion is taken
    created_with_status: ClassVar[bool] = False  # creation takes the status as well
    orphans_by_default: ClassVar[bool] = False  # a deletion that names no policy leaves the dependents
    status_keeps_metadata: ClassVar[bool] = False  # a status write changes no metadata
    creates_on_update: ClassVar[bool] = False  # PUT of an absent name creates it
    strategic: ClassVar[bool] = True
    adds_finalizers: ClassVar[tuple[str, ...]] = ()  # put on at deletion

    def read(self, obj: Object, warnings: list[str], validation: str) -> None:
        """Checks a body for unknown fields (drops them, warns or raises StatusError as `validation` says)."""

    def default(self, obj: Object) -> None:
        """Fills in the defaults of the versioned API; runs on every write."""

    def admit(self, obj: Object) -> None:
        """What admission plugins add to a new object; the writer owns it."""

    def prepare_create(self, obj: Object) -> None:
        """Sets what a new object starts with."""

    def prepare_update(self, old: Mapping[str, Any], new: Object) -> None:
        """Puts back what the kind does not let a main update change."""

    def prepare_status(self, old: Mapping[str, Any], new: Object) -> None:
        """Adjusts a write through the status subresource."""

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        """Why the object is invalid; `old` is None on create."""
        return []

    def status_causes(self, obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
        """Why a status write is invalid."""
        return []

    def take_part(self, name: str, old: Mapping[str, Any], new: Object) -> None:
        """Puts back what a write to a subresource that is a part of the object does not change."""

    def part_causes(self, name: str, obj: Mapping[str, Any], old: Mapping[str, Any]) -> list[CauseLike]:
        """Why a write to such a subresource is invalid."""
        return self.causes(obj, old)

    def grace(self, obj: Mapping[str, Any], wanted: int | None) -> int | None:
        """Seconds between the deletion mark and removal; None for kinds that go at once."""
        return None


def ensure(obj: Object, name: str) -> Object:
    """The mapping at `name`, put there if absent."""
    value = obj.get(name)
    if not isinstance(value, dict):
        value = obj[name] = {}
    return value
