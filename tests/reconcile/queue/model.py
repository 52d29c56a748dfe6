"""What the queue should do, written with plain dicts and no regard to cost."""

from dataclasses import dataclass, field

from kubernaut.reconcile.queue import SECONDS_PER_PRIORITY

BASE, CAP, RATE, BURST = 0.5, 8.0, 2.0, 3
"""Numbers that floats hold exactly, so that the model and the queue can be compared with `==`."""


@dataclass
class Model:
    """The state of a queue at one moment. Times are loop times."""

    limited: bool
    clock: float
    closed: bool = False
    adds: int = 0
    retries: int = 0
    turns: int = 0
    tokens: float = BURST
    tokens_at: float = 0.0
    # dirty: key -> (priority, since). ready: key -> (rank, turn), for the dirty keys that nobody processes.
    dirty: dict[str, tuple[int, float]] = field(default_factory=dict)
    ready: dict[str, tuple[float, int]] = field(default_factory=dict)
    # delayed: key -> (due, turn, priority). processing: key -> (started, priority).
    delayed: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    processing: dict[str, tuple[float, int]] = field(default_factory=dict)
    # failing: key -> (count, due).
    failing: dict[str, tuple[int, float]] = field(default_factory=dict)
    queue_times: list[float] = field(default_factory=list)
    work_times: list[float] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        return not self.dirty and not self.processing

    def depth(self) -> dict[int, int]:
        priorities = [priority for priority, _ in self.dirty.values()]
        return {priority: priorities.count(priority) for priority in priorities}

    def add(self, key: str, priority: int) -> None:
        if not self.closed:
            self._mark(key, priority, self.clock)

    def add_after(self, key: str, delay: float, priority: int) -> None:
        if not self.closed:
            self._add_at(key, self.clock + max(delay, 0), priority)

    def add_rate_limited(self, key: str, priority: int, at_least: float) -> None:
        if self.closed:
            return
        self.retries += 1
        began = self.processing[key][0] if key in self.processing else self.clock
        count, due = self.failing.get(key, (0, began))
        if began >= due:
            count, due = count + 1, self.clock + max(min(BASE * 2**count, CAP), self._token())
        due = max(due, self.clock + at_least)
        self.failing[key] = count, due
        self._add_at(key, due, priority)

    def forget(self, key: str) -> None:
        self.failing.pop(key, None)

    def take(self) -> str:
        """What the next `get` returns."""
        key = min(self.ready, key=lambda key: self.ready[key])
        del self.ready[key]
        priority, since = self.dirty.pop(key)
        self.processing[key] = self.clock, priority
        self.queue_times.append(self.clock - since)
        return key

    def done(self, key: str) -> None:
        if key not in self.processing:
            return
        started, _ = self.processing.pop(key)
        self.work_times.append(self.clock - started)
        if key in self.dirty:
            self._make_ready(key)

    def close(self) -> None:
        self.closed = True
        self.delayed.clear()

    def pass_to(self, end: float) -> bool:
        """Go on to the next moment at which a delay is over, or to `end` if that comes first; whether this is `end`."""
        due = min((due for due, _, _ in self.delayed.values()), default=end)
        self.clock = min(due, end)
        for key in sorted(self.delayed, key=lambda key: self.delayed[key]):
            if self.delayed[key][0] <= self.clock:
                self._mark(key, self.delayed[key][2], self.clock)
        return due >= end

    def _add_at(self, key: str, due: float, priority: int) -> None:
        if due <= self.clock or key in self.dirty:
            self._mark(key, priority, self.clock)
            return
        self.turns += 1
        mine = due, self.turns, priority
        other = self.delayed.get(key, mine)
        first = other if other[0] <= due else mine
        self.delayed[key] = (*first[:2], max(priority, other[2]))

    def _mark(self, key: str, priority: int, since: float) -> None:
        if key in self.dirty:
            old, since = self.dirty[key]
            if priority > old:
                self.dirty[key] = priority, since
                if key in self.ready:
                    self._make_ready(key)
            return
        if key in self.delayed:
            priority = max(priority, self.delayed.pop(key)[2])
        self.dirty[key] = priority, since
        self.adds += 1
        if key not in self.processing:
            self._make_ready(key)

    def _make_ready(self, key: str) -> None:
        priority, since = self.dirty[key]
        self.turns += 1
        self.ready[key] = since - priority * SECONDS_PER_PRIORITY, self.turns

    def _token(self) -> float:
        if not self.limited:
            return 0.0
        self.tokens = min(BURST, self.tokens + (self.clock - self.tokens_at) * RATE) - 1
        self.tokens_at = self.clock
        return max(0.0, -self.tokens / RATE)
