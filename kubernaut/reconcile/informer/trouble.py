"""What keeps an informer from following the server: told when it begins to matter, and kept for whoever asks."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from kubernaut.reconcile.informer.progress import SHORT
from kubernaut.reconcile.informer.recovery import Failure, is_absent, is_refused

WARN_EVERY = 300.0
"""Seconds between warnings of an error that lasts."""


class Trouble:
    """The last error since a list or a watch succeeded. Times are the loop's.

    An event or a bookmark is a success, and so is a watch that was opened and did not end at once: on a quiet kind
    nothing else may come for minutes. A page of a list is one where it was a list that failed: objects that can be
    listed, and not watched, are not followed.

    A warning is logged at once where the kind is not served, or the server refuses this client, which only an
    administrator can mend; of all else, and again, when it lasts for `WARN_EVERY`. The first error is told in a line,
    what repeats it between warnings at level debug.
    """

    def __init__(self, log: BoundLogger) -> None:
        self.since = 0.0
        """When the first error came; means nothing while there is none."""
        self._error: str | None = None
        self._answered: float | None = None
        self._watch_failed = False
        self._log = log
        self._warned = 0.0

    def error(self, now: float) -> str | None:
        """The last error; None after a success."""
        if self._answered is not None and now - self._answered >= SHORT:
            self.over()
        return self._error

    def note(self, error: Failure, now: float, *, absent: bool, watching: bool, retry_in: float) -> None:
        """A list failed, or (`watching`) a watch; `absent`: the kind was known not to be served."""
        begins = self.error(now) is None
        if begins:
            self.since = self._warned = now
            warn = is_refused(error)
        else:
            warn = now - self._warned >= WARN_EVERY
        if is_absent(error):
            warn = not absent
        if warn:
            self._warned = now
        self._answered = None
        self._watch_failed |= watching
        self._error = str(error) or type(error).__name__
        # While a server is away each kind is tried again every few seconds: that would bury everything else.
        log = self._log.warning if warn else self._log.info if begins else self._log.debug
        log("list or watch failed", error=self._error, retry_in=round(retry_in, 3), failing_for=round(now - self.since))

    def silent(self, now: float, seconds: float) -> None:
        """A watch was given up on which nothing came for `seconds`, not even its end: is the server there?."""
        self._answered = None
        self._watch_failed = True
        self.since = self._warned = now
        self._error = f"the watch was silent for {seconds:.0f} s"
        self._log.info("the watch is opened again", silent_for=round(seconds))

    def answered(self, now: float) -> None:
        """A watch was opened."""
        self._answered = now

    def listed(self) -> None:
        """A page of a list came."""
        if not self._watch_failed:
            self.over()

    def over(self) -> None:
        """A list or watch succeeded."""
        self._error = self._answered = None
        self._watch_failed = False
