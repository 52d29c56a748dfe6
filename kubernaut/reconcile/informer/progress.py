"""When to give up on a watch: deadlines that depend on what the stream has sent so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

WATCH_GRACE = 5.0
"""The watch is given up this many seconds after the server should have ended it."""
END_IDLE = 10.0
"""A streaming list that sends nothing for this many seconds, and no end, is no streaming list."""
END_TOTAL = 120.0
"""A streaming list without an end after this many seconds is given up, whatever it sends."""
SHORT = 1.0
"""A watch that ends within this many seconds without having told anything counts as a failure."""


def watch_seconds(random: Random, bounds: tuple[int, int]) -> int:
    """The `timeoutSeconds` to ask for: random, so that watches opened together do not end together."""
    return random.randint(*bounds)


@dataclass(slots=True)
class Progress:
    """How far one watch has come. Times are the loop's."""

    opened: float
    seconds: int
    bookmarked: bool
    """The stream is known to send bookmarks."""
    silence: float
    """Seconds without a frame after which such a stream is reopened."""
    frames: int = 0
    bookmarks: int = 0
    """Bookmarks other than the one that ends a streaming list: these are sent when nothing happens."""
    heard: float = field(init=False)

    def __post_init__(self) -> None:
        self.heard = self.opened

    def frame(self, now: float, *, periodic: bool = False) -> None:
        """The stream sent a frame; `periodic`: a bookmark within a watch."""
        self.frames += 1
        self.heard = now
        if periodic:
            self.bookmarks += 1
            self.bookmarked = True

    def deadline(self, *, listing: bool) -> float:
        """When to give up if nothing more comes; `listing`: a streaming list has not ended yet."""
        if listing:
            return min(self.opened + END_TOTAL, self.heard + END_IDLE)
        end = self.opened + self.seconds + WATCH_GRACE
        return min(end, self.heard + self.silence) if self.bookmarked else end

    def too_short(self, now: float, *, advanced: bool) -> bool:
        """Whether the end of the stream is a failure; `advanced`: it moved the resourceVersion."""
        return now - self.opened < SHORT and not advanced
