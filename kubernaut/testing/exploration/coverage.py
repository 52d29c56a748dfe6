"""What an exploration has covered: the calls it crashed at, the kinds of faults that struck."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kubernaut.testing.exploration.faults import Fault
from kubernaut.testing.exploration.run import Outcome

__all__ = ["Coverage"]


@dataclass
class Coverage:
    """Which calls were crashed at, and which kinds of faults struck. Signatures as in `Injection.call`."""

    calls: dict[str, int] = field(default_factory=dict)
    """Each signature that the undisturbed run has, with the number of its calls."""
    crashed: Counter[str] = field(default_factory=Counter)
    """How often a manager was killed at a call of a signature."""
    faults: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault struck."""

    @property
    def never_crashed(self) -> list[str]:
        """Signatures at which no manager was killed yet."""
        return [what for what in self.calls if not self.crashed[what]]

    def count(self, outcome: Outcome) -> None:
        """Add one run."""
        for injection, call in outcome.struck.items():
            self.faults[injection.fault] += 1
            if injection.fault == Fault.CRASH and call is not None:
                self.crashed[call.what] += 1

    def add(self, other: Coverage) -> None:
        """Add what another process covered."""
        self.crashed.update(other.crashed)
        self.faults.update(other.faults)
