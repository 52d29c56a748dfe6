"""One cached object: its JSON, packed as far as asked, and the few parts of it that are kept decoded."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from kubernaut.client import ObjectHead, decode_head
from kubernaut.reconcile.result import Request

WINDOW = 32 * 1024
"""zlib looks back this far: more of a dictionary is of no use."""


class Packing:
    """zlib, level 1, with the first object of the kind as dictionary: what objects of a kind share is stored once."""

    def __init__(self) -> None:
        self._dictionary = b""

    def pack(self, raw: bytes) -> bytes:
        """The bytes to keep; the first call fixes the dictionary."""
        if not self._dictionary:
            self._dictionary = raw[:WINDOW]
        packer = zlib.compressobj(1, zdict=self._dictionary)
        return packer.compress(raw) + packer.flush()

    def unpack(self, data: bytes) -> bytes:
        """What `pack` was given."""
        unpacker = zlib.decompressobj(zdict=self._dictionary)
        return unpacker.decompress(data) + unpacker.flush()


class Stored(msgspec.Struct, gc=False, eq=False):
    """One object as received: `Stored(head, raw)`. Made by informers; do not change it.

    `gc=False`: an object refers to nothing that could refer back, so the cycle collector need not visit the hundreds
    of thousands of them that a large cluster has.
    """

    # The metadata decoded, while a change is being told; decoding it anew takes 2 microseconds, keeping it 1 KB.
    _head: ObjectHead | None
    _data: bytes
    _packing: Packing | None = None
    _labels: tuple[str, ...] = ()
    mark: int = 0
    """The list that this object was last part of."""

    @property
    def raw(self) -> bytes:
        """The object's JSON."""
        return self._data if self._packing is None else self._packing.unpack(self._data)

    @property
    def head(self) -> ObjectHead:
        """The metadata the runtime routes on; decoded at each access once the object is at rest."""
        return self._head if self._head is not None else decode_head(self.raw)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels alone, which cost no decoding once the object is in a store."""
        if self._head is not None:
            return self._head.labels
        half = len(self._labels) // 2
        return dict(zip(self._labels[:half], self._labels[half:], strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of JSON kept, after packing."""
        return len(self._data)

    def __repr__(self) -> str:
        head = self.head
        return f"<Stored {head.namespace or ''}/{head.name} at {head.resource_version}, {self.nbytes} bytes>"

    def same_bytes(self, other: Stored) -> bool:
        """Whether both are the same JSON, byte for byte."""
        if self._packing is other._packing:
            return self._data == other._data
        return self.raw == other.raw

    def unfold(self) -> None:
        """Keep the metadata decoded until `fold`."""
        if self._head is None:
            self._head = decode_head(self.raw)

    def fold(self, labels: LabelPool) -> None:
        """Put at rest: keep nothing decoded but the labels, which are shared with objects that have equal ones."""
        if self._head is not None:
            self._labels = labels.share(self._head.labels)
            self._head = None


class LabelPool:
    """Equal labels, and equal keys and values, are kept in memory once. Bounded: what is unique must not pile up."""

    LIMIT = 4096

    def __init__(self) -> None:
        self._sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._strings: dict[str, str] = {}

    def share(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The keys of the labels, then their values, in the server's order."""
        if not labels:
            return ()
        flat = (*labels, *labels.values())
        known = self._sets.get(flat)
        if known is not None:
            return known
        if len(self._sets) >= self.LIMIT or len(self._strings) >= self.LIMIT:
            self._sets.clear()
            self._strings.clear()
        strings = self._strings
        shared = tuple([strings.setdefault(text, text) for text in flat])
        self._sets[shared] = shared
        return shared


class ChangeType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object. `old` is None for ADDED; for DELETED, `new` is the last state known.

    `initial`: from the first list (or a replay to a late handler). `synthesised`: a DELETED that no event reported,
    found by comparing lists, or by a new uid under an old name; its last state may be outdated.
    """

    type: ChangeType
    key: Request
    old: Stored | None
    new: Stored
    initial: bool = False
    synthesised: bool = False
