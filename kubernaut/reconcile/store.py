"""The objects of one informer: raw bytes plus the metadata the runtime routes on; every read decodes a private copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, overload

from kubernaut.client import ObjectHead
from kubernaut.reconcile.result import Request
from kubernaut.resources import Resource

R = TypeVar("R", bound=Resource)

IndexFunction = Callable[[Any], Iterable[str]]
"""An object (decoded) -> the values it is found under, by exact match."""


class ChangeType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as received: `raw` JSON bytes and its decoded metadata."""

    head: ObjectHead
    raw: bytes


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


class Decoded(Sequence[R]):
    """A list of cached objects that decodes each one when it is read; reading twice gives two private copies."""

    def __init__(self, kind: type[R], stored: Sequence[Stored]) -> None:
        self._kind = kind
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, at: int) -> R: ...
    @overload
    def __getitem__(self, at: slice) -> Decoded[R]: ...
    def __getitem__(self, at: int | slice) -> R | Decoded[R]:
        if isinstance(at, slice):
            return Decoded(self._kind, self._stored[at])
        return self._kind.from_json(self._stored[at].raw)

    def __iter__(self) -> Iterator[R]:
        return (self._kind.from_json(stored.raw) for stored in self._stored)

    @property
    def heads(self) -> list[ObjectHead]:
        """The metadata alone, without decoding."""
        return [stored.head for stored in self._stored]


class Index:
    """One exact-match index, maintained as objects come and go; an object that cannot be decoded has no values."""

    def __init__(self, kind: type[Resource], function: IndexFunction) -> None:
        self._kind = kind
        self._function = function
        # found: value -> keys, in a dict for its order; a value without keys is removed.
        self._found: dict[str, dict[Request, None]] = {}
        # values: what each key is filed under, so that removal never calls the function on an old object again.
        self._values: dict[Request, tuple[str, ...]] = {}

    def keys(self, value: str) -> list[Request]:
        return list(self._found.get(value, ()))

    def file(self, key: Request, stored: Stored) -> None:
        values: tuple[str, ...] = ()
        with suppress(ValueError):  # pydantic's ValidationError is one
            values = tuple(dict.fromkeys(self._function(self._kind.from_json(stored.raw))))
        if values == self._values.get(key, ()):
            return
        self.remove(key)
        self._values[key] = values
        for value in values:
            self._found.setdefault(value, {})[key] = None

    def remove(self, key: Request) -> None:
        for value in self._values.pop(key, ()):
            keys = self._found[value]
            del keys[key]
            if not keys:
                del self._found[value]


class Store:
    """Objects by key, with indexes. `put` and `remove` answer the changes that readers must learn of, in order."""

    def __init__(self) -> None:
        self._objects: dict[Request, Stored] = {}
        self._namespaces: dict[str | None, dict[Request, None]] = {}
        self._indexes: dict[str, Index] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, key: Request) -> bool:
        return key in self._objects

    def items(self) -> list[tuple[Request, Stored]]:
        """All objects as they are now; the store may change while the list is read."""
        return list(self._objects.items())

    def get(self, key: Request) -> Stored | None:
        return self._objects.get(key)

    def add_index(self, name: str, kind: type[Resource], function: IndexFunction) -> None:
        """Add an index and file what is already stored. Raises ValueError if the name is taken."""
        if name in self._indexes:
            raise ValueError(f"index {name!r} is already defined for {kind.__name__}")
        index = self._indexes[name] = Index(kind, function)
        for key, stored in self._objects.items():
            index.file(key, stored)

    def has_index(self, name: str) -> bool:
        return name in self._indexes

    def select(
        self,
        *,
        namespace: str | None = None,
        matches: Callable[[Mapping[str, str]], bool] | None = None,
        index: tuple[str, str] | None = None,
    ) -> list[Stored]:
        """Objects by namespace, labels and index, in the order in which they were first seen (there).

        Raises KeyError for an index that was never added.
        """
        keys: Iterable[Request]
        if index is not None:
            keys = [k for k in self._indexes[index[0]].keys(index[1]) if namespace in (None, k.namespace)]
        elif namespace is not None:
            keys = self._namespaces.get(namespace, ())
        else:
            keys = self._objects
        found = [self._objects[key] for key in keys]
        return found if matches is None else [stored for stored in found if matches(stored.head.labels or {})]

    def put(self, stored: Stored, *, initial: bool = False) -> list[Change]:
        """File one object as it is now. Another uid under the same key reads as DELETED, then ADDED.

        An object whose resourceVersion did not change answers no change.
        """
        key = Request(stored.head.namespace or None, stored.head.name)
        old = self._objects.get(key)
        if old is None:
            self._file(key, stored)
            return [Change(ChangeType.ADDED, key, None, stored, initial=initial)]
        if old.head.uid != stored.head.uid:
            gone = self.remove(key, synthesised=True)
            self._file(key, stored)
            return [*gone, Change(ChangeType.ADDED, key, None, stored)]
        if old.head.resource_version == stored.head.resource_version:
            return []
        self._file(key, stored)
        return [Change(ChangeType.MODIFIED, key, old, stored)]

    def remove(self, key: Request, last: Stored | None = None, *, synthesised: bool = False) -> list[Change]:
        """Forget one object; `last` is its final state where an event told it. An unknown key answers no change."""
        old = self._objects.pop(key, None)
        if old is None:
            return []
        keys = self._namespaces[key.namespace]
        del keys[key]
        if not keys:
            del self._namespaces[key.namespace]
        for index in self._indexes.values():
            index.remove(key)
        return [Change(ChangeType.DELETED, key, old, last or old, synthesised=synthesised)]

    def _file(self, key: Request, stored: Stored) -> None:
        self._objects[key] = stored
        self._namespaces.setdefault(key.namespace, {})[key] = None
        for index in self._indexes.values():
            index.file(key, stored)
