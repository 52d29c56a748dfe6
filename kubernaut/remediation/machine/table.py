"""A phase table: each phase with its handler, the phases that may follow it, and its limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.verdicts import Fail, Verdict

S = TypeVar("S", bound=Step[Any])


def never(step: Step[Any]) -> bool:
    """No error but a transient one is tried again."""
    return False


@dataclass(frozen=True, slots=True)
class PhaseRow(Generic[S]):
    """One phase.

    `handler`: what is done in it; it is asked again until it moves on.
    `next`: the phases that may follow; none makes it terminal.
    `limit`: how long it may take; the deadline is written to the status when the phase is entered.
    `expired`: the failure once the deadline has passed. With `late` the handler is asked after the deadline as well,
    to read a result that is there already, and only then it fails; a handler that looks at `step.expired` itself
    leaves `expired` out.
    `patient`: whether errors that are not transient are tried again too, until the deadline; past it they are failures.
    `condition`: the condition that is false when it fails; `entered`: the one that is true once it has been entered.
    `summary`: what it does, for diagrams.
    """

    handler: Callable[[S], Awaitable[Verdict]]
    next: frozenset[str] = frozenset()
    limit: Callable[[S], timedelta | None] | None = None
    expired: Callable[[S], Fail] | None = None
    late: bool = False
    patient: Callable[[S], bool] = never
    condition: str = "Ready"
    entered: str | None = None
    summary: str = ""

    @property
    def terminal(self) -> bool:
        """Nothing follows."""
        return not self.next


class PhaseTable(Mapping[str, PhaseRow[S]]):
    """The rows by phase. `first` is entered when the object is new, `failed` upon a `Fail`.

    Raises ValueError for a phase that may follow and is not there, one that is never reached, and one that expires
    while the phase of failure cannot follow it.
    """

    def __init__(self, rows: Mapping[str, PhaseRow[S]], *, first: str, failed: str) -> None:
        self._rows = {str(phase): row for phase, row in rows.items()}
        self.first, self.failed = str(first), str(failed)
        self._check()

    def _check(self) -> None:
        followed = {str(phase) for row in self._rows.values() for phase in row.next} | {self.first, self.failed}
        for unknown in sorted(followed - set(self._rows)):
            raise ValueError(f"phase {unknown!r} follows another and has no row")
        for lost in sorted(set(self._rows) - followed):
            raise ValueError(f"phase {lost!r} is never reached")
        for phase, row in self._rows.items():
            if row.expired is not None and self.failed not in row.next:
                raise ValueError(f"phase {phase!r} expires, and {self.failed!r} cannot follow it")

    def __getitem__(self, phase: str) -> PhaseRow[S]:
        return self._rows[str(phase)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def terminal(self) -> tuple[str, ...]:
        """The phases that nothing follows."""
        return tuple(phase for phase, row in self._rows.items() if row.terminal)

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.first}"]
        for phase, row in self._rows.items():
            if row.summary:
                lines.append(f"    {phase}: {phase} - {row.summary}")
            order = [str(each) for each in self._rows if each in {str(one) for one in row.next}]
            lines += [f"    {phase} --> {each}" for each in order]
            if row.terminal:
                lines.append(f"    {phase} --> [*]")
        return "\n".join(lines)
