"""What is recorded: an entry as its author wrote it, and the record that a store made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_BODY = 256 * 1024
"""Bytes of an entry as JSON; what is larger is refused, for a log of such entries could not be read."""


def _in_utc(time: datetime) -> datetime:
    # What is hashed must not depend on the zone in which somebody wrote a time.
    return time.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: camelCase names, nothing that is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Subject(_Value):
    """The object whose story is told. `uid` tells it from a later one of the same name."""

    kind: str = Field(min_length=1, max_length=63)
    namespace: str | None = Field(default=None, max_length=63)
    name: str = Field(min_length=1, max_length=253)
    uid: str = Field(min_length=1, max_length=128)


class AuditEntry(_Value):
    """One thing that happened to a subject.

    `id` is derived (see `entry_id`), so that recording it again is harmless. `time` is when it happened, not when it
    was recorded. `actor` asked for it; `approver` allowed it. `outcome` is a word such as `started`, `succeeded`,
    `failed`, `refused`. `details` are JSON values, redacted by the author: a store keeps what it is given.
    """

    id: str = Field(min_length=1, max_length=256)
    subject: Subject
    transition: str = Field(min_length=1, max_length=128)
    time: Moment
    actor: str = Field(default="", max_length=512)
    approver: str = Field(default="", max_length=512)
    action: str = Field(default="", max_length=63)
    target: str = Field(default="", max_length=512)
    outcome: str = Field(default="", max_length=63)
    reason: str = Field(default="", max_length=128)
    message: str = Field(default="", max_length=32 * 1024)
    details: dict[str, Any] = Field(default_factory=dict)


class AuditRecord(_Value):
    """An entry in its place: `sequence` counts from 1 per subject, `position` grows over the whole store.

    `hash` is over the entry, its sequence and `previous_hash` (64 hexadecimal digits; of the first record all zero).
    `altered` names what a store keeps beside the entry, to find it by, and found to differ from it.
    """

    position: int
    sequence: int
    recorded_at: Moment
    previous_hash: str
    hash: str
    entry: AuditEntry
    altered: tuple[str, ...] | None = None


def entry_id(uid: str, transition: str) -> str:
    """The id of a transition of one object: the same whoever records it, and however often."""
    return f"{uid}:{transition}"
