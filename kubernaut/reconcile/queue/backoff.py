"""How long a failed key waits: a delay per key that doubles, and a limit on the retries of all keys together."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# The largest exponent for which 2.0**n is a float; one more raises OverflowError.
_LARGEST_EXPONENT = 1023


@dataclass(frozen=True, slots=True)
class Backoff:
    """Per-item exponential delays: `base * 2**failures` seconds, at most `cap` (client-go's defaults).

    With `jitter` j, each delay is up to j times longer, the cap too: keys that all wait the cap would otherwise stay in
    step. Raises ValueError where a number is negative.
    """

    base: float = 0.005
    cap: float = 1000.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not (self.base >= 0 and self.cap >= 0 and self.jitter >= 0):
            raise ValueError(f"base, cap and jitter must not be negative: {self}")

    def delay(self, failures: int, random: Random | None = None) -> float:
        """Seconds to wait after that many earlier failures in a row (0 for the first); without `random`, no jitter."""
        delay = min(self.base * 2.0 ** min(failures, _LARGEST_EXPONENT), self.cap)
        if self.jitter and random is not None:
            delay *= 1.0 + self.jitter * random.random()
        return delay


class TokenBucket:
    """An overall limit on retries: `burst` at once, then `rate` per second (client-go's defaults: 10/s, 100).

    Tokens are reserved ahead: retries queue up for them in the order in which they ask. Raises ValueError unless
    `rate` is positive and `burst` at least 1.
    """

    def __init__(self, rate: float = 10.0, burst: int = 100) -> None:
        if not rate > 0 or burst < 1:
            raise ValueError(f"a bucket needs a positive rate and a burst of at least 1, not {rate} and {burst}")
        self._rate = rate
        self._burst = float(burst)
        # tokens: what is left at time `_at`; negative by the tokens that are reserved and not yet there.
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
class _Failing:
    """`count` failures in a row; the retry of the last is due at loop time `due`."""

    count: int = 0
    due: float = float("-inf")


class Retries(Generic[K]):
    """When failed keys are due again: the longest of back-off, bucket and what the caller asks for.

    Raises ValueError where the back-off has jitter and there is no `random`.
    """

    def __init__(self, backoff: Backoff, bucket: TokenBucket | None, random: Random | None) -> None:
        if backoff.jitter and random is None:
            raise ValueError("a back-off with jitter needs a random")
        self._backoff = backoff
        self._bucket = bucket
        self._random = random
        # failing: keys with a failure since their last `forget`.
        self._failing: dict[K, _Failing] = {}

    def due(self, key: K, *, began: float, now: float, at_least: float = 0.0) -> float:
        """Loop time of the next retry of a key whose run began at `began` and failed at `now`.

        A run that began before the last retry was due was an early one, begun by an event: that retry stays due when it
        was, and neither count nor bucket takes notice of the failure. In any case `at_least` seconds pass from now.
        """
        failing = self._failing.get(key)
        if failing is None:
            failing = self._failing[key] = _Failing()
        if began >= failing.due:
            delay = self._backoff.delay(failing.count, self._random)
            if self._bucket is not None:
                delay = max(delay, self._bucket.reserve(now))
            failing.count += 1
            failing.due = now + delay
        failing.due = max(failing.due, now + at_least)
        return failing.due

    def forget(self, key: K) -> None:
        """Start again from the first delay."""
        self._failing.pop(key, None)

    def failures(self, key: K) -> int:
        """Failures in a row since the last `forget`, those of early runs left out."""
        failing = self._failing.get(key)
        return failing.count if failing else 0
