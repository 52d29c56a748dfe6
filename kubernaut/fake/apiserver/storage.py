"""Objects as immutable bytes under one version counter, with an event log per kind."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import msgspec

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Fields = Callable[[Mapping[str, Any]], Mapping[str, str]]


class Compacted(Exception):
    """The wanted version is older than what the log still holds."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({oldest})")
        self.wanted, self.oldest = wanted, oldest


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object. `data` is its JSON; labels and fields are what selectors ask about."""

    namespace: str
    name: str
    uid: str
    version: int
    data: bytes
    labels: Mapping[str, str]
    fields: Mapping[str, str]

    @property
    def key(self) -> str:
        return storage_key(self.namespace, self.name)

    def decode(self) -> dict[str, Any]:
        """A private copy as a dict."""
        decoded: dict[str, Any] = msgspec.json.decode(self.data)
        return decoded


@dataclass(frozen=True, slots=True)
class Event:
    """A change: the object after it (for DELETED: its last state under the version of the deletion), and before."""

    type: EventType
    version: int
    object: Stored
    previous: Stored | None


def storage_key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


@dataclass(slots=True)
class _Table:
    """One kind: the current objects, their keys in order, and the log of changes."""

    objects: dict[str, Stored] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    log: list[Event] = field(default_factory=list)
    dropped: int = 0  # events gone from the front of the log; positions count them
    compacted: int = 0  # versions up to this one cannot be replayed
    changed: anyio.Event | None = None
    gone: bool = False  # the kind was removed


@dataclass(frozen=True, slots=True)
class KeptTable:
    """One kind as it was."""

    objects: dict[str, Stored]
    keys: list[str]
    log: list[Event]
    compacted: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole storage as it was."""

    version: int
    tables: dict[str, KeptTable]


_NOTHING = KeptTable({}, [], [], 0)


class Cursor:
    """A reader's place in a log. Readers share the events; none is copied for them."""

    def __init__(self, table: _Table, position: int) -> None:
        self._table, self._position = table, position

    @property
    def ended(self) -> bool:
        """True when nothing more will come: the storage is closed or the kind is gone."""
        return self._table.gone

    def take(self) -> list[Event]:
        """The events since the last call, oldest first. Raises Compacted if some were dropped unread."""
        table = self._table
        if self._position < table.dropped:
            raise Compacted(self._position, table.compacted)
        found = table.log[self._position - table.dropped :]
        self._position += len(found)
        return found

    async def wait(self) -> None:
        """Until there is something to take, or the cursor has ended. Cancellation is safe."""
        table = self._table
        while self._position == table.dropped + len(table.log) and not table.gone:
            if table.changed is None:
                table.changed = anyio.Event()
            await table.changed.wait()


class Storage:
    """All kinds under one counter: every write moves it by one, and only writes do.

    Not thread-safe; used from one event loop. `history` is how many events of a kind are kept for replay.
    """

    def __init__(self, *, history: int = 100_000, first_version: int = 100) -> None:
        self.version = first_version
        self._history = history
        self._tables: dict[str, _Table] = {}
        self.listeners: list[Callable[[str, Event], None]] = []
        """Told of each change, with its kind, as it happens; what they raise comes out of the write."""

    def table(self, kind: str) -> _Table:
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = _Table()
        return table

    def kinds(self) -> list[str]:
        return list(self._tables)

    def get(self, kind: str, namespace: str, name: str) -> Stored | None:
        return self.table(kind).objects.get(storage_key(namespace, name))

    def count(self, kind: str) -> int:
        return len(self.table(kind).objects)

    def iterate(self, kind: str, namespace: str = "") -> Iterator[Stored]:
        """Objects in the order of their keys; all namespaces when `namespace` is empty."""
        table = self.table(kind)
        keys = table.keys
        if namespace:
            keys = keys[bisect.bisect_left(keys, namespace + "/") : bisect.bisect_left(keys, namespace + "0")]
        return (table.objects[key] for key in list(keys))

    def at(self, kind: str, namespace: str, version: int) -> list[Stored]:
        """The objects as they were at a version, by undoing later events. Raises Compacted."""
        table = self.table(kind)
        if version < table.compacted:
            raise Compacted(version, table.compacted)
        if not table.log or table.log[-1].version <= version:
            return list(self.iterate(kind, namespace))
        then = dict(table.objects)
        for event in reversed(table.log):
            if event.version <= version:
                break
            if event.previous is None:
                then.pop(event.object.key, None)
            else:
                then[event.object.key] = event.previous
        return [then[key] for key in sorted(then) if not namespace or then[key].namespace == namespace]

    def adopt(self, kind: str, objects: list[Stored]) -> None:
        """Holds objects that were there before the first version: no event tells of them."""
        table = self.table(kind)
        table.objects.update((stored.key, stored) for stored in objects)
        table.keys = sorted(table.objects)

    def next_version(self) -> int:
        return self.version + 1

    def put(self, kind: str, obj: Mapping[str, Any], fields: Fields) -> Stored:
        """Creates or replaces. `obj` must carry `next_version()` as its resourceVersion already."""
        stored = encode(obj, fields)
        table = self.table(kind)
        previous = table.objects.get(stored.key)
        self.version = stored.version
        if previous is None:
            bisect.insort(table.keys, stored.key)
        table.objects[stored.key] = stored
        self._append(kind, table, Event("MODIFIED" if previous else "ADDED", stored.version, stored, previous))
        return stored

    def remove(self, kind: str, obj: Mapping[str, Any], fields: Fields) -> Stored:
        """Deletes; `obj` is the last state with `next_version()` as its resourceVersion."""
        stored = encode(obj, fields)
        table = self.table(kind)
        previous = table.objects.pop(stored.key)
        del table.keys[bisect.bisect_left(table.keys, stored.key)]
        self.version = stored.version
        self._append(kind, table, Event("DELETED", stored.version, stored, previous))
        return stored

    def cursor(self, kind: str, after: int | None) -> Cursor:
        """A reader that starts behind version `after` (None: behind the newest). Raises Compacted."""
        table = self.table(kind)
        if after is None:
            return Cursor(table, table.dropped + len(table.log))
        if after < table.compacted:
            raise Compacted(after, table.compacted)
        start = bisect.bisect_right(table.log, after, key=lambda event: event.version)
        return Cursor(table, table.dropped + start)

    def keep(self) -> Kept:
        """What is there now, for `restore`; objects and events are shared, not copied."""
        tables = {
            kind: KeptTable(dict(table.objects), list(table.keys), list(table.log), table.compacted)
            for kind, table in self._tables.items()
        }
        return Kept(self.version, tables)

    def restore(self, kept: Kept) -> list[str]:
        """Go back to what was there; returns the kinds that had changed since.

        Readers of a changed kind get Compacted, so that what follows the kind reads it again. Those that wait are not
        woken: end them first.
        """
        self.version = kept.version
        for table in self._tables.values():
            table.changed = None
        changed = self.changed(kept)
        for kind in changed:
            table, before = self.table(kind), kept.tables.get(kind, _NOTHING)
            table.dropped += len(table.log) + 1
            table.gone, table.compacted = False, before.compacted
            table.objects, table.keys, table.log = dict(before.objects), list(before.keys), list(before.log)
        return changed

    def changed(self, kept: Kept) -> list[str]:
        """The kinds of which something was written since."""
        found: list[str] = []
        for kind in dict.fromkeys((*kept.tables, *self._tables)):
            table, before = self.table(kind), kept.tables.get(kind, _NOTHING)
            if table.gone or _newest(table.log) is not _newest(before.log):
                found.append(kind)
        return found

    def compact(self, kind: str | None = None) -> None:
        """Forgets the history of a kind, or of all: older versions are answered with 410 from now on."""
        for name in [kind] if kind else list(self._tables):
            self._drop(self.table(name), len(self.table(name).log), self.version)

    def drop_kind(self, kind: str) -> None:
        """Forgets a kind with its log; readers of it are woken and see nothing more."""
        table = self._tables.pop(kind, None)
        if table is not None:
            table.gone = True
            _wake(table)

    def close(self) -> None:
        """Ends every reader."""
        for table in self._tables.values():
            table.gone = True
            _wake(table)

    def _append(self, kind: str, table: _Table, event: Event) -> None:
        table.log.append(event)
        if len(table.log) > self._history:
            # half at once: dropping one by one would shift the list at every write
            half = len(table.log) // 2
            self._drop(table, half, table.log[half - 1].version)
        _wake(table)
        for listener in self.listeners:
            listener(kind, event)

    @staticmethod
    def _drop(table: _Table, count: int, version: int) -> None:
        del table.log[:count]
        table.dropped += count
        table.compacted = max(table.compacted, version)


def _newest(log: list[Event]) -> Event | None:
    return log[-1] if log else None


def _wake(table: _Table) -> None:
    if table.changed is not None:
        table.changed.set()
        table.changed = None


def encode(obj: Mapping[str, Any], fields: Fields) -> Stored:
    """The stored form: kind and apiVersion first, so that readers can replace that prefix without decoding."""
    ordered = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        **{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")},
    }
    meta = obj["metadata"]
    return Stored(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta.get("uid", ""),
        version=int(meta["resourceVersion"]),
        data=msgspec.json.encode(ordered),
        labels=meta.get("labels") or {},
        fields=fields(obj),
    )
