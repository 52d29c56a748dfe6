"""The keyed work queue: deduplicates keys, delays them, backs off, and never hands one key to two workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Generic

from kubernaut.reconcile.queue.backoff import Backoff, K, Retries, TokenBucket
from kubernaut.reconcile.queue.getters import Getters
from kubernaut.reconcile.queue.items import SECONDS_PER_PRIORITY, Item, ItemHeap
from kubernaut.reconcile.result import PRIORITY_EVENT

# Delayed keys made ready in one turn of the loop: what all falls due at once must not hold up everything else.
_DUE_PER_TURN = 1000

# Distinct priorities up to which `depth` goes on to show those that no key has now. controller-runtime stops telling
# priorities apart at the same number (pkg/internal/metrics/workqueue.go).
_PRIORITIES_SHOWN = 25


class QueueShutDown(Exception):
    """Raised by `Queue.get` when the queue was shut down and holds nothing more."""


class Queue(Generic[K]):
    """A work queue for one controller. Use it from one event loop; only `get` and `shut_down` wait.

    A key is dirty (due for a run), delayed, or being processed; it may be processing and dirty, or processing and
    delayed, at once. Every operation takes O(log n) amortised for n keys, and `close` O(delayed keys).

    `on_queue_time` is called at each hand-out with the seconds that the key was due before it, `on_work_time` at each
    `done` with the seconds since the hand-out; they must not raise. `adds` counts how often a key became dirty: an add
    that is deduplicated or rejected does not count, a delayed one counts when it falls due (client-go,
    util/workqueue/metrics.go). `retries` counts the calls of `add_rate_limited`.

    Raises ValueError where the back-off has jitter and there is no `random`.
    """

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        bucket: TokenBucket | None = None,
        random: Random | None = None,
        on_queue_time: Callable[[float], None] | None = None,
        on_work_time: Callable[[float], None] | None = None,
    ) -> None:
        self._retries: Retries[K] = Retries(backoff or Backoff(), bucket, random)
        self._on_queue_time = on_queue_time
        self._on_work_time = on_work_time
        self.adds = 0
        self.retries = 0
        # items: every key that is dirty, delayed or being processed, and no other.
        self._items: dict[K, Item[K]] = {}
        # ready: exactly the items that are dirty and not being processed, in the order in which they are handed out.
        self._ready: ItemHeap[K] = ItemHeap()
        # delayed: exactly the delayed items, by due time. Empty once the queue is shutting down.
        self._delayed: ItemHeap[K] = ItemHeap()
        # timer: set whenever a key is delayed, and no later than the first due time; it may be earlier.
        self._timer: asyncio.TimerHandle | None = None
        # processing: exactly the items handed out and not yet done, the longest first.
        self._processing: dict[Item[K], None] = {}
        # dirty_by_priority: how many items are dirty, being processed or not.
        self._dirty_by_priority: dict[int, int] = {}
        # getters: tasks waiting in `get`. While there is one, at least as many others as there are ready keys have been
        # woken and have not run yet.
        self._getters = Getters()
        # drained: set to end the waits of `shut_down`.
        self._drained = asyncio.Event()
        self._shutting_down = False

    def __len__(self) -> int:
        """Keys that `get` would hand out now: dirty and not being processed."""
        return len(self._ready)

    @property
    def shutting_down(self) -> bool:
        """Whether keys are rejected."""
        return self._shutting_down

    @property
    def idle(self) -> bool:
        """Nothing is dirty and nothing is being processed; delayed keys do not count."""
        return not self._processing and not self._ready

    def failures(self, key: K) -> int:
        """Failures in a row since the last `forget`, those of early runs left out."""
        return self._retries.failures(key)

    def priority_of(self, key: K) -> int:
        """The priority at which a key being processed was handed out; that of events for any other key."""
        item = self._items.get(key)
        return item.ran_at if item is not None and item.processing else PRIORITY_EVENT

    def depth(self) -> dict[int, int]:
        """Dirty keys by priority, those included whose last run is not done yet (client-go's metric counts them too).

        A priority is shown with 0 after its keys are gone, unless there were more than 25 priorities.
        """
        return dict(self._dirty_by_priority)

    def unfinished(self, now: float) -> tuple[float, float]:
        """Seconds that the keys being processed have taken so far at loop time `now`: their sum, and the longest."""
        ages = [max(0.0, now - item.started) for item in self._processing]
        return sum(ages), max(ages, default=0.0)

    def add(self, key: K, *, priority: int = PRIORITY_EVENT) -> None:
        """Want the key processed now: it becomes dirty. Absorbs its delay; a dirty key only gets the higher priority.

        A key being processed is handed out again after its `done`. Rejected without a word after a shut-down.
        """
        if self._shutting_down:
            return
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Item(key, priority)
        self._mark(item, priority, asyncio.get_running_loop().time())

    def add_after(self, key: K, delay: float, *, priority: int = PRIORITY_EVENT) -> None:
        """Want the key processed in `delay` seconds; the earliest due time wins, and a dirty key stays dirty.

        A delay <= 0 means now. The delay ends with any run that begins before it is over: no second run follows.
        """
        if self._shutting_down:
            return
        now = _now()
        # "Not greater" rather than "<=", so that NaN, which has no place in a heap, means now as well.
        due = now + delay if delay > 0 else now
        self._add_at(key, due, now, priority)

    def add_rate_limited(self, key: K, *, priority: int = PRIORITY_EVENT, at_least: float = 0.0) -> None:
        """Want the key processed after its back-off, and no sooner than `at_least` seconds from now.

        Call it before `done`. Where the failed run was an early one, begun by an event before the back-off was over,
        the retry stays due when it was and the count as it was.
        """
        if self._shutting_down:
            return
        self.retries += 1
        now = _now()
        item = self._items.get(key)
        began = item.started if item is not None and item.processing else now
        due = self._retries.due(key, began=began, now=now, at_least=at_least)
        self._add_at(key, due, now, priority)

    def forget(self, key: K) -> None:
        """Reset the key's back-off; a retry that is pending stays."""
        self._retries.forget(key)

    async def get(self) -> K:
        """Wait for a key and mark it processing; call `done` for it afterwards.

        The first is the key with the highest priority, where each 0.1 s of waiting counts as one point of it. Raises
        QueueShutDown when the queue was shut down and nothing is ready. Cancelling it loses no key: it takes one in
        the very step in which it returns it.
        """
        while (item := self._ready.pop()) is None:
            if self._shutting_down:
                raise QueueShutDown
            await self._getters.wait()
        return self._start(item)

    def done(self, key: K) -> None:
        """The worker is finished with the key; if it is dirty it becomes ready, also while shutting down.

        Nothing happens where the key is not being processed.
        """
        item = self._items.get(key)
        if item is None or not item.processing:
            return
        item.processing = False
        del self._processing[item]
        if item.since is not None:
            self._make_ready(item, item.since)
        elif item.entry is None:
            del self._items[key]
        if self._shutting_down and self.idle:
            self._drained.set()
        if self._on_work_time is not None:
            self._on_work_time(max(0.0, _now() - item.started))

    def close(self) -> None:
        """Reject new keys, drop delayed ones, let `get` hand out the dirty ones; ends the wait of a `shut_down`."""
        self._reject()
        self._drained.set()

    async def shut_down(self, *, drain: bool = False) -> None:
        """Close the queue; with `drain`, wait until every dirty key is processed and `done`. Twice is harmless.

        A later `close` or `shut_down()` ends the wait early. Cancelling the wait leaves the queue closed. The wait
        needs workers: without one, dirty keys stay.
        """
        if not drain:
            self.close()
            return
        self._reject()
        if not self.idle:
            self._drained.clear()
            await self._drained.wait()

    def _reject(self) -> None:
        self._shutting_down = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for item in self._delayed:
            item.entry = None
            if not item.processing:
                del self._items[item.key]
        self._delayed = ItemHeap()
        self._getters.wake_all()

    def _add_at(self, key: K, due: float, now: float, priority: int) -> None:
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Item(key, priority)
        if due <= now or item.since is not None:
            self._mark(item, priority, now)
            return
        if item.entry is None:
            item.priority = priority
        else:
            item.priority = max(item.priority, priority)
            if item.entry[0] <= due:
                return
            self._delayed.discard(item)
        self._delayed.add(item, due)
        self._arm(due)

    def _mark(self, item: Item[K], priority: int, since: float) -> None:
        """Make the item dirty as of `since`, or raise the priority of one that is."""
        if item.since is not None:
            if priority > item.priority:
                self._raise(item, item.since, priority)
            return
        if item.entry is not None:
            self._delayed.discard(item)
            priority = max(priority, item.priority)
        item.since = since
        item.priority = priority
        self.adds += 1
        self._dirty_by_priority[priority] = self._dirty_by_priority.get(priority, 0) + 1
        if not item.processing:
            self._make_ready(item, since)

    def _raise(self, item: Item[K], since: float, priority: int) -> None:
        self._uncount(item.priority)
        self._dirty_by_priority[priority] = self._dirty_by_priority.get(priority, 0) + 1
        item.priority = priority
        if item.entry is not None:
            self._ready.discard(item)
            self._make_ready(item, since)

    def _make_ready(self, item: Item[K], since: float) -> None:
        self._ready.add(item, since - item.priority * SECONDS_PER_PRIORITY)
        self._getters.wake()

    def _start(self, item: Item[K]) -> K:
        since, now = item.since, asyncio.get_running_loop().time()
        assert since is not None
        # A timer may run a little before its due time, by the resolution of the loop's clock.
        item.started = now if now > since else since
        item.since = None
        item.processing = True
        item.ran_at = item.priority
        self._processing[item] = None
        self._uncount(item.priority)
        if self._on_queue_time is not None:
            self._on_queue_time(item.started - since)
        return item.key

    def _uncount(self, priority: int) -> None:
        counts = self._dirty_by_priority
        if counts[priority] > 1 or len(counts) <= _PRIORITIES_SHOWN:
            counts[priority] -= 1
        else:
            del counts[priority]

    def _arm(self, due: float) -> None:
        """See to it that the timer runs at `due` at the latest."""
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._fire)

    def _fire(self) -> None:
        timer, self._timer = self._timer, None
        assert timer is not None
        # What the timer was set for counts as due, though by the clock it may be early by the clock's resolution.
        now = max(_now(), timer.when())
        for _ in range(_DUE_PER_TURN):
            entry = self._delayed.first()
            if entry is None or entry[0] > now:
                break
            due, _, item = entry
            self._delayed.pop()
            self._mark(item, item.priority, due)
        entry = self._delayed.first()
        if entry is not None:
            self._arm(entry[0])


def _now() -> float:
    return asyncio.get_running_loop().time()
