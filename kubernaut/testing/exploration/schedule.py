"""What is done to one run: faults, each bound to a call of the operator, in a form that outlives the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubernaut.testing.exploration.words import in_words

__all__ = ["ANY", "END", "START", "Injection", "Option", "Schedule"]

ANY = "*"
"""Stands for a call of any kind: `nth` then counts all of them."""
END = "end"
"""Stands for the moment when the steps are done and the cluster is at rest."""
START = "start"
"""Stands for the moment before anything has happened."""

Option = int | float | str


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault. It strikes at the `nth` call (from 1) whose signature is `call`, before or after it takes effect.

    A signature is the verb with the resource, as in `create jobs.batch` or `update websites.example.dev/status`: no
    names, so that it fits a run in which names differ. Calls are counted over all generations of the operator.
    """

    fault: str
    call: str
    nth: int = 1
    after: bool = False
    options: tuple[tuple[str, Option], ...] = ()

    @classmethod
    def of(cls, fault: str, call: str, nth: int = 1, *, after: bool = False, **options: Option) -> Injection:
        """The same with the options as keywords."""
        return cls(fault, call, nth, after, tuple(options.items()))

    def option(self, name: str, default: Any = None) -> Any:
        """One option."""
        return dict(self.options).get(name, default)

    def number(self, name: str) -> float:
        """One option that is a number; 0 where it is not given."""
        return float(self.option(name, 0))

    def text(self, name: str) -> str:
        """One option that is a text; "" where it is not given."""
        return str(self.option(name, ""))

    def at(self, call: str, nth: int) -> Injection:
        """The same fault at another call."""
        return replace(self, call=call, nth=nth)

    def with_option(self, name: str, value: Option) -> Injection:
        """The same fault with one option changed."""
        return replace(self, options=tuple({**dict(self.options), name: value}.items()))

    def __str__(self) -> str:
        if self.call == END:
            return in_words(self, "at", "the end")
        if self.call == START:
            return in_words(self, "at", "the start")
        what = "call" if self.call == ANY else f"`{self.call}`"
        return in_words(self, "after" if self.after else "before", f"{what} number {self.nth}")

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        given = {"fault": self.fault, "call": self.call, "nth": self.nth, "after": self.after}
        return given | ({"options": dict(self.options)} if self.options else {})

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Injection:
        """From JSON. Raises KeyError, TypeError and ValueError for what is no injection."""
        options = tuple(dict(given.get("options", {})).items())
        return cls(str(given["fault"]), str(given["call"]), int(given["nth"]), bool(given["after"]), options)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run's faults, and `pace`: the seed of how long each call takes on its way; None: no time at all.

    Without a pace and without faults the run is the undisturbed one.
    """

    injections: tuple[Injection, ...] = ()
    pace: int | None = None

    def with_injections(self, injections: Iterable[Injection]) -> Schedule:
        """The same pace with other faults."""
        return replace(self, injections=tuple(injections))

    def __str__(self) -> str:
        parts = [str(injection) for injection in self.injections] or ["undisturbed"]
        if self.pace is not None:
            parts.append(f"calls take their time by seed {self.pace}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"pace": self.pace, "injections": [injection.to_dict() for injection in self.injections]}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Schedule:
        """From JSON. Raises KeyError, TypeError and ValueError for what is no schedule."""
        pace = given["pace"]
        injections = tuple(Injection.from_dict(each) for each in given["injections"])
        return cls(injections, None if pace is None else int(pace))
