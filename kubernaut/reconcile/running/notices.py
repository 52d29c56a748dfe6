"""What a controller logs of its keys at a rate that does not grow with how often it happens."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from kubernaut.reconcile.result import Request

STALE_IN_A_ROW = 5
"""Stale views of a key, one after the other, from which on it is told as a warning: a new view is no cure for them."""


class Notices:
    """The notices of one controller, and what it takes to know which of them are due."""

    def __init__(self, controller: str, log: BoundLogger) -> None:
        self._controller = controller
        self._log = log
        # stale: by key, how often in a row its view was stale. dropped: whereof it was told that keys are dropped.
        self._stale: dict[Request, int] = {}
        self._dropped: dict[str, None] = {}

    def stale(self, request: Request, error: Exception) -> None:
        """A reconcile ended because what it had read, or was to change, was not the newest."""
        times = self._stale[request] = self._stale.get(request, 0) + 1
        if times < STALE_IN_A_ROW:
            self._log.info("reconcile had a stale view: again", reason=str(error))
        else:  # a field manager's conflict or a precondition that never holds is no stale view
            self._log.warning("reconcile keeps having a stale view: again", reason=str(error), times=times)

    def settled(self, request: Request) -> None:
        """A reconcile ended otherwise, or the key is given up."""
        self._stale.pop(request, None)

    def dropped(self, reason: str, which: str, request: Request) -> None:
        """A request is dropped; told once for each `which`, for a mapper may make such requests at every event."""
        if which not in self._dropped:
            self._dropped[which] = None
            told = {"reason": reason, "controller": self._controller, "object": str(request)}
            self._log.warning("requests are dropped", **told)

    def joined(self, cluster: str) -> None:
        """A cluster of that name is there now: should it be missed again, that is told again."""
        self._dropped.pop(cluster, None)
