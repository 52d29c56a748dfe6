"""Watches over the invariants of one run; the first that does not hold ends it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from kubernaut.fake.apiserver.snapshot import Event
from kubernaut.testing.exploration.invariants import Invariant, problem
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.site import EVENTS
from kubernaut.testing.exploration.trace import Trace
from kubernaut.testing.exploration.view import View

__all__ = ["Violation", "Watcher"]


@dataclass(frozen=True, slots=True)
class Violation:
    """What did not hold, and what was wrong. `details` may have many lines."""

    invariant: str
    message: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message}"


class Watcher:
    """Asks the invariants as the world changes."""

    def __init__(self, scenario: Scenario, view: View, trace: Trace, over: asyncio.Event) -> None:
        self.violation: Violation | None = None
        self._view = view
        self._trace = trace
        self._over = over
        self._always: list[tuple[Invariant, frozenset[str]]] = []
        self._changes: dict[str, list[Invariant]] = {}
        self._eventually = [each for each in scenario.invariants if each.when == "eventually"]
        for invariant in scenario.invariants:
            stores = [store for kind in invariant.kinds if (store := view.store(kind)) is not None]
            if invariant.when == "always":
                self._always.append((invariant, frozenset(stores)))
            elif invariant.when == "change":
                for store in stores:
                    self._changes.setdefault(store, []).append(invariant)

    def violated(self, invariant: str, message: str, details: str = "") -> None:
        """The run is over: this does not hold."""
        if self.violation is None:
            self.violation = Violation(invariant, message, details)
            self._trace.add("VIOLATION", f"{invariant}: {message}", "violation")
            self._over.set()

    def changed(self, kind: str, event: Event, actor: str) -> None:
        """Something was written."""
        if self.violation is not None or kind == EVENTS:
            return
        for invariant in self._changes.get(kind, ()):
            of = invariant.kinds[0]
            before = None if event.previous is None else self._view.typed(of, event.previous)
            after = None if event.type == "DELETED" else self._view.typed(of, event.object)
            self._ask(invariant, before, after)
        for invariant, stores in self._always:
            if not stores or kind in stores:
                self._ask(invariant, self._view)

    def happened_outside(self) -> None:
        """The operator has done something outside the cluster."""
        for invariant, stores in self._always:
            if not stores:
                self._ask(invariant, self._view)

    def at_end(self) -> None:
        """Everything is at rest."""
        for invariant, _ in self._always:
            self._ask(invariant, self._view)
        for invariant in self._eventually:
            self._ask(invariant, self._view)

    def _ask(self, invariant: Invariant, *given: object) -> None:
        if self.violation is None and (wrong := problem(invariant, *given)) is not None:
            self.violated(invariant.name, wrong)
