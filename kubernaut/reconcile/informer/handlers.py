"""Calls the handlers of an informer; one that raises harms neither the others nor the informer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from structlog.stdlib import BoundLogger

from kubernaut.reconcile.stored import Change

Handler = Callable[[Change], None]


class Handlers:
    """The handlers in the order in which they were added. `failures`: calls that raised."""

    def __init__(self, log: BoundLogger) -> None:
        self.failures = 0
        self._log = log
        # A tuple that is replaced, never changed: a handler may add or remove handlers while it is being called.
        self._handlers: tuple[Handler, ...] = ()

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, handler: Handler) -> None:
        """Call `handler` with the changes that are told from now on."""
        self._handlers = (*self._handlers, handler)

    def remove(self, handler: Handler) -> None:
        """Call it no more; a handler that was added twice is removed once. An unknown one is no error."""
        handlers = list(self._handlers)
        if handler in handlers:
            handlers.remove(handler)
        self._handlers = tuple(handlers)

    def tell(self, changes: Iterable[Change]) -> None:
        """Call every handler with each change, in order."""
        handlers = self._handlers
        for change in changes:
            for handler in handlers:
                self.call(handler, change)

    def call(self, handler: Handler, change: Change) -> None:
        """Call one handler."""
        try:
            handler(change)
        except Exception:
            self.failures += 1
            self._log.exception("a handler failed: the change is lost to it", object=str(change.key), type=change.type)
