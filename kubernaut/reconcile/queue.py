"""The keyed work queue: deduplicates keys, delays them, backs off, and never hands one key to two workers."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Generic, TypeVar

from kubernaut.reconcile.result import PRIORITY_EVENT

K = TypeVar("K", bound=Hashable)

SECONDS_PER_PRIORITY = 0.1
"""One point of priority is worth this much waiting, so priority -100 is overtaken for at most 10 s."""

_EARLY = 1e-4  # a timer may fire this much before its due time: the loop's clock has a resolution


class QueueShutDown(Exception):
    """Raised by `Queue.get` when the queue was shut down and holds nothing more."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Per-item exponential delays: `base * 2**failures` seconds, at most `cap`; with `jitter` j, up to j times more."""

    base: float = 0.005
    cap: float = 1000.0
    jitter: float = 0.0

    def delay(self, failures: int, random: Random | None = None) -> float:
        """Seconds to wait after that many earlier failures in a row (0 for the first)."""
        # 2**64 already exceeds any sensible cap: bounding the exponent keeps the float from overflowing.
        delay = min(self.base * 2.0 ** min(failures, 64), self.cap)
        if self.jitter and random is not None:
            delay *= 1.0 + self.jitter * random.random()
        return delay


class TokenBucket:
    """An overall limit: `burst` at once, then `rate` per second. `reserve` answers the seconds to wait."""

    def __init__(self, rate: float = 10.0, burst: int = 100) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at: float | None = None

    def reserve(self, now: float) -> float:
        """Take one token at monotonic time `now`; the wait in seconds until it may be used."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)


@dataclass(slots=True)
class _Wanted:
    """A dirty key. `ticket` names its one live heap entry; others are stale and skipped."""

    priority: int
    since: float
    ticket: int


@dataclass(slots=True)
class _Delayed:
    due: float
    priority: int
    ticket: int


@dataclass(slots=True)
class _Failing:
    """`count` failures in a row; the next retry is due at `due`."""

    count: int
    due: float


class Queue(Generic[K]):
    """A work queue for one controller. Use it from one event loop; only `get` and `shut_down` wait.

    Every operation is O(log n) amortised. A cancelled `get` loses no key.
    """

    def __init__(
        self, *, backoff: Backoff | None = None, bucket: TokenBucket | None = None, random: Random | None = None
    ) -> None:
        self._backoff = backoff or Backoff()
        self._bucket = bucket
        self._random = random
        self._tickets = count()
        # dirty: every key that must still be handed out. A key that is dirty and not processing has exactly one
        # live entry in `_ready`; a key that is dirty and processing has none until `done`.
        self._dirty: dict[K, _Wanted] = {}
        # processing: keys handed out by `get` and not yet `done`, with the priority they ran at.
        self._processing: dict[K, int] = {}
        # ready: heap of (rank, ticket, key); stale where the ticket is not that of the key in `_dirty`.
        self._ready: list[tuple[float, int, K]] = []
        # waiting: keys with a timer; never also dirty: an earlier reason to run absorbs the timer.
        self._waiting: dict[K, _Delayed] = {}
        self._timers: list[tuple[float, int, K]] = []
        self._timer: asyncio.TimerHandle | None = None
        # failing: keys with a back-off count, kept until `forget`.
        self._failing: dict[K, _Failing] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drainers: list[asyncio.Future[None]] = []
        self._shutting_down = False

    def __len__(self) -> int:
        """Keys ready to be handed out."""
        return len(self._dirty) - sum(1 for key in self._processing if key in self._dirty)

    @property
    def shutting_down(self) -> bool:
        return self._shutting_down

    @property
    def idle(self) -> bool:
        """Nothing is ready and nothing is being processed; delayed keys do not count."""
        return not self._dirty and not self._processing

    def failures(self, key: K) -> int:
        """How often in a row `add_rate_limited` was called for the key since the last `forget`."""
        failing = self._failing.get(key)
        return failing.count if failing else 0

    def priority_of(self, key: K) -> int:
        """The priority at which a key being processed was handed out."""
        return self._processing.get(key, PRIORITY_EVENT)

    def add(self, key: K, *, priority: int = PRIORITY_EVENT) -> None:
        """Want the key processed now. Absorbs a pending timer; a dirty key only gets the higher priority."""
        if self._shutting_down:
            return
        delayed = self._waiting.pop(key, None)
        if delayed is not None:
            priority = max(priority, delayed.priority)
            self._arm()
        self._want(key, priority)

    def add_after(self, key: K, delay: float, *, priority: int = PRIORITY_EVENT) -> None:
        """Want the key processed in `delay` seconds; the earliest due time wins, <= 0 means now."""
        if self._shutting_down:
            return
        if delay <= 0:
            self.add(key, priority=priority)
            return
        wanted = self._dirty.get(key)
        if wanted is not None:  # it runs sooner anyway
            self._want(key, priority)
            return
        due = asyncio.get_running_loop().time() + delay
        delayed = self._waiting.get(key)
        if delayed is not None:
            delayed.priority = max(delayed.priority, priority)
            if delayed.due <= due:
                return
            delayed.due, delayed.ticket = due, next(self._tickets)
        else:
            delayed = self._waiting[key] = _Delayed(due, priority, next(self._tickets))
        heapq.heappush(self._timers, (due, delayed.ticket, key))
        self._arm()

    def add_rate_limited(self, key: K, *, priority: int = PRIORITY_EVENT, at_least: float = 0.0) -> None:
        """Want the key processed after its back-off, and no sooner than `at_least` seconds from now.

        A failure of a run that an event triggered before the back-off was over does not raise the count.
        """
        if self._shutting_down:
            return
        now = asyncio.get_running_loop().time()
        failing = self._failing.get(key)
        if failing is not None and failing.due - now > _EARLY:
            delay = failing.due - now
        else:
            failing = self._failing.setdefault(key, _Failing(0, now))
            delay = self._backoff.delay(failing.count, self._random)
            failing.count += 1
            failing.due = now + delay
        if self._bucket is not None:
            delay = max(delay, self._bucket.reserve(now))
        self.add_after(key, max(delay, at_least), priority=priority)

    def forget(self, key: K) -> None:
        """Reset the key's back-off count."""
        self._failing.pop(key, None)

    async def get(self) -> K:
        """Wait for a key and mark it processing; call `done` for it afterwards. Raises `QueueShutDown` at the end."""
        while True:
            key = self._pop()
            if key is not None:
                return key[0]
            if self._shutting_down:
                raise QueueShutDown
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except BaseException:
                if getter.done() and not getter.cancelled():
                    self._wake()  # the wake-up was meant for this getter: pass it on
                elif getter in self._getters:
                    self._getters.remove(getter)
                raise

    def done(self, key: K) -> None:
        """The worker is finished with the key; if it became dirty meanwhile it is ready again, also in a shutdown."""
        self._processing.pop(key, None)
        wanted = self._dirty.get(key)
        if wanted is not None:
            self._push(key, wanted)
        elif self.idle:
            self._drained()

    async def shut_down(self, *, drain: bool = False) -> None:
        """Reject new keys, drop delayed ones, and let `get` hand out what is ready; twice is harmless.

        With `drain`, wait until that and what is processing is done; cancelling the wait leaves the queue shut down.
        """
        self.close()
        if drain and not self.idle:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drainers.append(waiter)
            await waiter

    def close(self) -> None:
        """Like `shut_down` without waiting."""
        self._shutting_down = True
        self._waiting.clear()
        self._timers.clear()
        self._arm()
        while self._getters:
            self._wake()

    def _want(self, key: K, priority: int) -> None:
        wanted = self._dirty.get(key)
        if wanted is not None:
            if priority <= wanted.priority:
                return
            wanted.priority = priority
        else:
            wanted = self._dirty[key] = _Wanted(priority, asyncio.get_running_loop().time(), 0)
        if key not in self._processing:
            self._push(key, wanted)

    def _push(self, key: K, wanted: _Wanted) -> None:
        wanted.ticket = next(self._tickets)
        if len(self._ready) > 64 + 2 * len(self._dirty):
            self._ready = [e for e in self._ready if (w := self._dirty.get(e[2])) and w.ticket == e[1]]
            heapq.heapify(self._ready)
        rank = wanted.since - wanted.priority * SECONDS_PER_PRIORITY
        heapq.heappush(self._ready, (rank, wanted.ticket, key))
        self._wake()

    def _pop(self) -> tuple[K] | None:
        while self._ready:
            _, ticket, key = heapq.heappop(self._ready)
            wanted = self._dirty.get(key)
            if wanted is not None and wanted.ticket == ticket:
                del self._dirty[key]
                self._processing[key] = wanted.priority
                return (key,)
        return None

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _drained(self) -> None:
        for waiter in self._drainers:
            if not waiter.done():
                waiter.set_result(None)
        self._drainers.clear()

    def _arm(self) -> None:
        """Point the one loop timer at the earliest delayed key."""
        while self._timers:
            _, ticket, key = self._timers[0]
            delayed = self._waiting.get(key)
            if delayed is not None and delayed.ticket == ticket:
                break
            heapq.heappop(self._timers)
        if self._timer is not None:
            if self._timers and self._timer.when() == self._timers[0][0]:
                return
            self._timer.cancel()
            self._timer = None
        if self._timers:
            self._timer = asyncio.get_running_loop().call_at(self._timers[0][0], self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time() + _EARLY
        while self._timers and self._timers[0][0] <= now:
            _, ticket, key = heapq.heappop(self._timers)
            delayed = self._waiting.get(key)
            if delayed is not None and delayed.ticket == ticket:
                del self._waiting[key]
                self._want(key, delayed.priority)
        self._arm()
