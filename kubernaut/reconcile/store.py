"""The objects of one informer by key: kept as bytes, so that every read decodes a private copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from kubernaut.client import ObjectHead
from kubernaut.reconcile.index import Index, IndexFunction
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.stored import Change, ChangeType, LabelPool, Stored
from kubernaut.resources import Resource

__all__ = ["Change", "ChangeType", "Decoded", "Index", "IndexFunction", "Store", "Stored"]

R = TypeVar("R", bound=Resource)


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
        """The metadata alone, without decoding the rest."""
        return [stored.head for stored in self._stored]


class Store:
    """Objects by key, with indexes. `put` and `remove` answer the changes that readers must learn of, in order.

    No operation on one object costs more with more objects. `heads`: the objects are metadata alone, and index
    functions are given their `ObjectHead`.
    """

    def __init__(self, *, heads: bool = False) -> None:
        self.nbytes = 0
        """Bytes of JSON kept, after packing."""
        # objects: by namespace, then name; a namespace without objects is removed. Two levels instead of keys of
        # their own and an index by namespace: that saves 200 bytes an object.
        self._objects: dict[str | None, dict[str, Stored]] = {}
        self._count = 0
        self._indexes: dict[str, Index] = {}
        self._labels = LabelPool()
        self._heads = heads

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Request) -> bool:
        return key.name in self._objects.get(key.namespace, ())

    def items(self) -> list[tuple[Request, Stored]]:
        """All objects as they are now; the store may change while the list is read."""
        return [(Request(ns, name), stored) for ns, named in self._objects.items() for name, stored in named.items()]

    def get(self, key: Request) -> Stored | None:
        """The object as it is now; None if there is none."""
        return self._objects.get(key.namespace, {}).get(key.name)

    def add_index(self, name: str, kind: type[Resource], function: IndexFunction) -> None:
        """Add an index and file what is already stored; the same one again is no error.

        Raises ValueError if the name is another function's.
        """
        if name in self._indexes:
            self._indexes[name].must_be(kind, function)
            return
        index = self._indexes[name] = Index(name, kind, function, heads=self._heads)
        for key, stored in self.items():
            index.file(key, stored)

    def has_index(self, name: str) -> bool:
        """Whether `select` knows an index of that name."""
        return name in self._indexes

    def select(
        self,
        *,
        namespace: str | None = None,
        matches: Callable[[Mapping[str, str]], bool] | None = None,
        index: tuple[str, str] | None = None,
    ) -> list[Stored]:
        """Objects by namespace (None: all), labels and index, each in the order in which it was first seen there.

        Raises KeyError for an index that was never added.
        """
        found: Iterable[Stored]
        if index is not None:
            keys = self._indexes[index[0]].keys(index[1])
            found = [self._objects[k.namespace][k.name] for k in keys if namespace in (None, k.namespace)]
        elif namespace is not None:
            found = self._objects.get(namespace, {}).values()
        else:
            found = (stored for named in self._objects.values() for stored in named.values())
        return list(found) if matches is None else [stored for stored in found if matches(stored.labels)]

    def put(self, stored: Stored, *, initial: bool = False, mark: int = 0) -> list[Change]:
        """File one object as it is now. Another uid under the same key reads as DELETED, then ADDED.

        An object whose resourceVersion did not change answers no change. `mark` is the number of the list that the
        object is part of; `sweep` removes what has another.
        """
        head = stored.head
        key = Request(head.namespace or None, head.name)
        stored.mark = mark
        old = self.get(key)
        if old is None:
            self._file(key, stored, None)
            return [Change(ChangeType.ADDED, key, None, stored, initial=initial)]
        if not old.same_bytes(stored):
            before = old.head
            if before.uid != head.uid:
                gone = self.remove(key, synthesised=True)
                self._file(key, stored, None)
                return [*gone, Change(ChangeType.ADDED, key, None, stored)]
            if before.resource_version != head.resource_version:
                self._file(key, stored, old)
                return [Change(ChangeType.MODIFIED, key, old, stored)]
        old.mark = mark
        return []

    def remove(self, key: Request, last: Stored | None = None, *, synthesised: bool = False) -> list[Change]:
        """Forget one object; `last` is its final state where an event told it. An unknown key answers no change."""
        named = self._objects.get(key.namespace, {})
        old = named.pop(key.name, None)
        if old is None:
            return []
        if not named:
            del self._objects[key.namespace]
        self._count -= 1
        self.nbytes -= old.nbytes
        for index in self._indexes.values():
            index.remove(key)
        return [Change(ChangeType.DELETED, key, old, last or old, synthesised=synthesised)]

    def sweep(self, mark: int | None = None) -> Iterator[list[Change]]:
        """Remove every object that the list numbered `mark` did not hold (None: all), one with each step."""
        gone = [
            Request(namespace, name)
            for namespace, named in self._objects.items()
            for name, stored in named.items()
            if stored.mark != mark
        ]
        for key in gone:
            yield self.remove(key, synthesised=True)

    def settle(self, changes: Iterable[Change]) -> None:
        """Put at rest what has been told: no metadata is kept decoded."""
        for change in changes:
            change.new.fold(self._labels)

    def _file(self, key: Request, stored: Stored, old: Stored | None) -> None:
        self._objects.setdefault(key.namespace, {})[key.name] = stored
        if old is None:
            self._count += 1
        self.nbytes += stored.nbytes - (0 if old is None else old.nbytes)
        for index in self._indexes.values():
            index.file(key, stored)
