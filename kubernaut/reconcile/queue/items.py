"""What the queue knows of one key, and heaps of such items from which any item can be taken back."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic

from kubernaut.reconcile.queue.backoff import K

SECONDS_PER_PRIORITY = 0.1
"""One point of priority is worth this much waiting: no starvation.

A key of priority p is overtaken by keys of a higher priority q only if they come less than (q - p) * 0.1 s after it.
So a key of an initial list (-100) waits for events (0) of its first 10 s at most.
"""

# Stale entries a heap may hold before they are swept out, which spares small heaps the sweeping; each keeps its key
# in memory.
_STALE_ALLOWED = 64


class Item(Generic[K]):
    """One key that is dirty, delayed or being processed; the queue drops it when it is none of these.

    dirty     the key is due for a run                  `since` is set
    delayed   the key becomes dirty at a later time     `since` is None, `entry` is set
    Never both: an earlier reason to run absorbs a later one.
    """

    __slots__ = ("entry", "key", "priority", "processing", "ran_at", "since", "started")

    def __init__(self, key: K, priority: int) -> None:
        self.key = key
        # priority: of the run to come, the highest anybody asked for.
        self.priority = priority
        # since: loop time from which the key has been due, the earliest anybody asked for; None if it is not dirty.
        self.since: float | None = None
        # entry: the one heap entry of the key that counts. In the ready heap if and only if the key is dirty and not
        # being processed, in the heap of delayed keys if and only if it is delayed; any other entry of it is stale.
        self.entry: Entry[K] | None = None
        # processing: handed out by `get` and not yet `done`. Such a key has no entry in the ready heap, which is why
        # no two workers ever hold one key.
        self.processing = False
        # started, ran_at: loop time and priority of the last hand-out.
        self.started = 0.0
        self.ran_at = priority


Entry = tuple[float, int, Item[K]]


class ItemHeap(Generic[K]):
    """A heap of items by rank, first in first out among equal ranks.

    `add`, `discard`, `pop` and `first` take O(log n) amortised: a discarded entry stays until it reaches the top or
    stale entries outnumber the live ones, whichever comes first.
    """

    def __init__(self) -> None:
        self._entries: list[Entry[K]] = []
        # stale: how many of the entries are not their item's `entry`.
        self._stale = 0
        self._added = 0

    def __len__(self) -> int:
        return len(self._entries) - self._stale

    def __iter__(self) -> Iterator[Item[K]]:
        """The items, in no particular order."""
        return (item for entry in self._entries if (item := entry[2]).entry is entry)

    def add(self, item: Item[K], rank: float) -> None:
        """Put in an item that is in no heap."""
        self._added += 1  # no two entries compare equal, so a comparison never reaches the item
        item.entry = entry = (rank, self._added, item)
        heapq.heappush(self._entries, entry)

    def discard(self, item: Item[K]) -> None:
        """Take out an item that is in this heap."""
        item.entry = None
        self._stale += 1
        if self._stale > _STALE_ALLOWED + len(self):
            self._entries = [entry for entry in self._entries if entry[2].entry is entry]
            heapq.heapify(self._entries)
            self._stale = 0

    def first(self) -> Entry[K] | None:
        """The entry with the lowest rank, or None if there is none."""
        entries = self._entries
        while entries:
            entry = entries[0]
            if entry[2].entry is entry:
                return entry
            heapq.heappop(entries)
            self._stale -= 1
        return None

    def pop(self) -> Item[K] | None:
        """Take out the item with the lowest rank, or None if there is none."""
        entries = self._entries
        while entries:
            entry = heapq.heappop(entries)
            item = entry[2]
            if item.entry is entry:
                item.entry = None
                return item
            self._stale -= 1
        return None
