"""What keeps an informer from following the server: told when it begins to matter, and kept for whoever asks."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from kubernaut.reconcile.informer.recovery import Failure, is_absent, is_refused

WARN_EVERY = 300.0
"""Seconds between warnings of an error that lasts."""


class Trouble:
    """The last error since a list or a watch succeeded. Times are the loop's.

    A warning is logged at once where the kind is not served, or the server refuses this client, which only an
    administrator can mend; of all else, and again, when it lasts for `WARN_EVERY`.
    """

    def __init__(self, log: BoundLogger) -> None:
        self.error: str | None = None
        self.since = 0.0
        """When the first error came; means nothing while there is none."""
        self._log = log
        self._warned = 0.0

    def note(self, error: Failure, now: float, *, absent: bool, retry_in: float) -> None:
        """A list or watch failed; `absent`: the kind was known not to be served."""
        if self.error is None:
            self.since = self._warned = now
            warn = is_refused(error)
        else:
            warn = now - self._warned >= WARN_EVERY
        if is_absent(error):
            warn = not absent
        if warn:
            self._warned = now
        self.error = str(error) or type(error).__name__
        log = self._log.warning if warn else self._log.info
        log("list or watch failed", error=self.error, retry_in=round(retry_in, 3), failing_for=round(now - self.since))

    def over(self) -> None:
        """A list or watch succeeded."""
        self.error = None
