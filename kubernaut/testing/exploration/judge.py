"""Says whether a run was right: its own verdict first, then its end state beside that of the undisturbed run."""

from __future__ import annotations

from dataclasses import replace

from kubernaut.testing.exploration.faults import PEOPLE, Fault
from kubernaut.testing.exploration.normal import EndState, diff
from kubernaut.testing.exploration.prepared import Prepared
from kubernaut.testing.exploration.run import Outcome, execute
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.schedule import END, START, Injection, Schedule
from kubernaut.testing.exploration.verdicts import Violation

__all__ = ["Judge", "Unusable"]

SLACK = 20
LEAST = 400


class Unusable(Exception):
    """The undisturbed run already fails, so that there is nothing to compare with; the text says how."""


class Judge:
    """Runs schedules of one scenario in this process, and judges what comes of them.

    Raises Unusable where the undisturbed run violates an invariant, and what the scenario itself raises. That a new
    manager writes at rest is found as in any other run: there is an end to compare with.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._prepared = Prepared(scenario)
        self.undisturbed = execute(self._prepared, Schedule())
        violation, end = self.undisturbed.violation, self.undisturbed.end
        idempotent = violation is None
        if end is None or not (idempotent or (violation is not None and violation.invariant == "idempotence")):
            raise Unusable(f"without any fault: {violation}\n{self.undisturbed.trace.log()}")
        self._limit = max(LEAST, SLACK * len(self.undisturbed.calls))
        self._right: dict[tuple[Injection, ...], list[EndState]] = {(): [end]}
        # at rest in these states, nothing is written by a manager that starts anew
        self._idempotent: list[EndState] = [end] if idempotent else []

    def run(self, schedule: Schedule) -> Outcome:
        """One run with its verdict."""
        outcome = execute(self._prepared, schedule, limit=self._limit, checked=self._idempotent.__contains__)
        if outcome.violation is None and outcome.end is not None:
            if outcome.end not in self._idempotent:
                self._idempotent.append(outcome.end)
            outcome.violation = self._compared(outcome, outcome.end)
        return outcome

    def _compared(self, outcome: Outcome, end: EndState) -> Violation | None:
        if not self.scenario.compare or end == self.undisturbed.end:
            return None
        if outcome.allowed:
            return None
        expected = self._expected(outcome)
        if end in expected:
            return None
        told = "the end state is not that of the undisturbed run"
        if len(expected) > 1:
            told += ", nor that of one in which people do the same when all is at rest"
        return Violation("end state", told, diff(expected[1 if len(expected) > 1 else 0], end))

    def _expected(self, outcome: Outcome) -> list[EndState]:
        """The right end states: what people did may be part of them, so they do it at rest in a run for comparison.

        What they did to an object that was there from the start may as well have been done before all else.
        """
        people = [each for each in outcome.schedule.injections if each.fault in PEOPLE and each in outcome.struck]
        done = tuple(Injection(each.fault, END, 1, False, each.options) for each in people if each.fault != Fault.TOUCH)
        if done not in self._right:
            first = tuple(replace(each, call=START) for each in done)
            references = [done, first] if self._prepared.has_own(done) else [done]
            runs = [
                execute(self._prepared, Schedule(each), limit=self._limit, checked=lambda end: True)
                for each in references
            ]
            self._right[done] = [*self._right[()], *(each.end for each in runs if each.end is not None)]
        return self._right[done]
