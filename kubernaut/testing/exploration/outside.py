"""Systems outside the cluster, such as a cloud's API: a call of the operator to one is a boundary like any other."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.reconcile.election.errors import LeadershipLost
from kubernaut.testing.exploration.calls import Boundary
from kubernaut.testing.exploration.generations import current_generation
from kubernaut.testing.exploration.trace import Trace

__all__ = ["Done", "Outside", "OutsideError"]


class OutsideError(Exception):
    """A system outside the cluster refused a call: `code` as in HTTP."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the system answered {code} (injected)")
        self.code = code


@dataclass(frozen=True, slots=True)
class Done:
    """One call that took effect: `effect` is "system.method", `key` its arguments."""

    effect: str
    key: str
    actor: str


class Outside:
    """The systems of a scenario, by the names that it gave them, as attributes: ``world.outside.dns``.

    They are as they are, but for their async methods: a call of one by the operator may be the last thing that it does
    before or after it took effect, may fail (OutsideError) or time out (TimeoutError). They outlive every crash.
    """

    def __init__(self, systems: Mapping[str, Any], trace: Trace) -> None:
        self.done: list[Done] = []
        """Every call that took effect, oldest first."""
        self._systems = dict(systems)
        self._trace = trace
        self._boundary: Boundary | None = None
        self._tell: Callable[[], None] = _nothing

    def __getattr__(self, name: str) -> Any:
        systems = self.__dict__.get("_systems", {})
        if name not in systems:
            raise AttributeError(f"the scenario has no system {name!r} outside; it has {', '.join(systems) or 'none'}")
        return _Proxy(self, name, systems[name])

    def behind(self, boundary: Boundary) -> None:
        """Let the faults of a run strike the operator's calls."""
        self._boundary = boundary

    def on_done(self, tell: Callable[[], None]) -> None:
        """Have a function called after each call of the operator that took effect."""
        self._tell = tell

    def dump(self) -> dict[str, Any]:
        """What is to be compared between runs: the answer of each system's `dump()`, where it has one."""
        return {name: each.dump() for name, each in self._systems.items() if hasattr(each, "dump")}

    async def call(self, system: str, name: str, method: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """One call, through the boundary where the operator makes it."""
        effect = f"{system}.{name}"
        key = " ".join([*map(str, args), *(f"{key}={value}" for key, value in given.items())])
        generation = current_generation()

        sent = _Sent(self, effect, key, generation.name if generation else "person", lambda: method(*args, **given))
        if generation is None or self._boundary is None:
            answer = await sent.send()
            self._trace.add("person", f"{effect} {key}")
            return answer
        return await self._boundary.call(generation, effect, f"{effect} {key}", sent, write=True, timeout=None)

    def tell(self) -> None:
        """Something was done."""
        self._tell()


def _nothing() -> None: ...


class _Proxy:
    """One system as the operator sees it."""

    def __init__(self, outside: Outside, name: str, system: Any) -> None:
        self._outside, self._name, self._system = outside, name, system

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._system, name)
        if not inspect.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **given: Any) -> Any:
            return await self._outside.call(self._name, name, value, args, given)

        return call


@dataclass(frozen=True, slots=True)
class _Sent:
    """Implements Sent."""

    outside: Outside
    effect: str
    key: str
    actor: str
    act: Callable[[], Awaitable[Any]]

    async def send(self) -> Any:
        answer = await self.act()
        self.outside.done.append(Done(self.effect, self.key, self.actor))
        return answer

    def came(self, answer: Any) -> str:
        return "done"

    def tell(self) -> None:
        self.outside.tell()

    def refused(self, code: int) -> Any:
        raise OutsideError(code)

    def late(self) -> Exception:
        return TimeoutError(f"{self.effect}: no answer in time (injected)")

    def fenced(self) -> Exception:
        return LeadershipLost("of the scenario", "another one leads (injected)")
