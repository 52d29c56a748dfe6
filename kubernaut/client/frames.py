"""Splits responses into objects without decoding more of them than the runtime routes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec

from kubernaut.client.errors import TransportError

__all__ = [
    "FrameError",
    "Lines",
    "ObjectHead",
    "OwnerHead",
    "RawFrame",
    "RawFrames",
    "RawPage",
    "decode_head",
    "decode_page",
]


class FrameError(TransportError):
    """A whole line of a watch that is no event: a broken server or proxy, unlike a stream that was cut off."""


class OwnerHead(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One owner reference."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectHead(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The metadata the runtime routes on. ``deletion_timestamp`` is the server's text; None: not being deleted."""

    name: str = ""
    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""
    generation: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerHead, ...] = ()
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    finalizers: tuple[str, ...] = ()
    creation_timestamp: str | None = None

    @property
    def controller_owner(self) -> OwnerHead | None:
        """The owner that controls this object, if one does."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class _WithHead(msgspec.Struct):
    metadata: ObjectHead


class _ListMeta(msgspec.Struct, rename={"continue_": "continue"}):
    resourceVersion: str = ""
    continue_: str | None = None
    remainingItemCount: int | None = None


class _ListEnvelope(msgspec.Struct):
    metadata: _ListMeta
    # Without a default: a body without items (a Table, a single object) must not pass for an empty list.
    items: list[msgspec.Raw] | None


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page of a list. ``continue_`` is the token for the next page, None on the last."""

    resource_version: str
    items: list[msgspec.Raw]
    continue_: str | None
    remaining: int | None


class RawFrame(msgspec.Struct, frozen=True):
    """One watch event: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR (then ``object`` is a Status)."""

    type: str
    object: msgspec.Raw


_heads: msgspec.json.Decoder[_WithHead] = msgspec.json.Decoder(_WithHead)
_lists: msgspec.json.Decoder[_ListEnvelope] = msgspec.json.Decoder(_ListEnvelope)
_frames: msgspec.json.Decoder[RawFrame] = msgspec.json.Decoder(RawFrame)


def decode_head(raw: msgspec.Raw | bytes) -> ObjectHead:
    """The metadata of an encoded object. Raises msgspec.DecodeError when ``raw`` is no Kubernetes object."""
    try:
        return _heads.decode(raw).metadata
    except msgspec.ValidationError:
        return _tolerant(raw)


def _tolerant(raw: msgspec.Raw | bytes) -> ObjectHead:
    """Read nulls as absent, as Go's decoder does: some aggregated servers write empty fields so."""
    decoded = msgspec.json.decode(raw)
    metadata = decoded.get("metadata") if isinstance(decoded, dict) else None
    return msgspec.convert({"metadata": _without_nulls(metadata)}, _WithHead).metadata


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def decode_page(body: bytes) -> RawPage:
    """One page of a list, its items still encoded. Raises TransportError when ``body`` is no list."""
    try:
        envelope = _lists.decode(body)
    except msgspec.DecodeError as error:
        raise TransportError(f"the response is no list: {error}") from error
    meta = envelope.metadata
    return RawPage(meta.resourceVersion, envelope.items or [], meta.continue_ or None, meta.remainingItemCount)


class Lines:
    """Splits chunks at newlines, without a limit on the length of a line. Blank lines are left out."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._lines: list[bytes] = []  # complete lines, last first
        self._parts: list[bytes] = []  # the begun line; joined once, so a long one costs linear time
        self.ended = False
        """The chunks have ended: the last line given, if not blank, had no newline at its end."""

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> bytes:
        while not self._lines:
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                self.ended = True
                rest = b"".join(self._parts)
                self._parts = []
                if rest.strip():
                    return rest
                raise
            self._feed(chunk)
        return self._lines.pop()

    def _feed(self, chunk: bytes) -> None:
        first, *others = chunk.split(b"\n")
        self._parts.append(first)
        if not others:
            return
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts = [others[-1]]
        self._lines = [line for line in reversed(lines) if line.strip()]


class RawFrames:
    """The events of a watch response. Raises TransportError where it is cut off, FrameError at what is no event."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._lines = Lines(chunks)

    def __aiter__(self) -> RawFrames:
        return self

    async def __anext__(self) -> RawFrame:
        line = await anext(self._lines)
        try:
            return _frames.decode(line)
        except msgspec.DecodeError as error:
            kind = TransportError if self._lines.ended else FrameError
            raise kind(f"the watch stream is cut off or no watch stream: {error}") from error


def decode_status(raw: msgspec.Raw | bytes) -> dict[str, Any]:
    """A Status object as plain data; an empty one when ``raw`` is something else."""
    decoded = msgspec.json.decode(raw)
    return decoded if isinstance(decoded, dict) else {}
