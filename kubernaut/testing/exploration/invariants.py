"""What must hold: always, at the end, at each change, or at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kubernaut.resources import Resource
from kubernaut.testing.exploration.view import View

__all__ = ["Invariant", "always", "at_most_once", "at_most_once_outside", "eventually", "on_change", "problem"]

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold; made by the functions of this module.

    A check answers None or True where it holds; False, a text that says what is wrong, or an AssertionError where it
    does not. `kinds`: it is only asked after a change of one of these; empty: of anything.
    """

    name: str
    when: Literal["always", "eventually", "change"]
    check: Callable[..., object]
    kinds: tuple[type[Resource], ...] = ()


def always(check: Callable[[View], object], *, kinds: Sequence[type[Resource]] = (), name: str = "") -> Invariant:
    """`check(view)` must hold after each write, whoever wrote."""
    return Invariant(name or _name(check), "always", check, tuple(kinds))


def eventually(check: Callable[[View], object], *, name: str = "") -> Invariant:
    """`check(view)` must hold when the steps are done, faults are over and the world is at rest."""
    return Invariant(name or _name(check), "eventually", check)


def on_change(kind: type[R], check: Callable[[R | None, R | None], object], *, name: str = "") -> Invariant:
    """`check(before, after)` must hold for each change of an object; None: it was not there, or is no longer."""
    return Invariant(name or _name(check), "change", check, (kind,))


def at_most_once(
    kind: type[R], by: str | Callable[[R], object] = "metadata.name", *, where: Callable[[R], bool] | None = None
) -> Invariant:
    """At most one object of the kind is ever created for each value of `by`, deleted ones included.

    What a person deleted may be made anew, so it does not count.

    `by`: a path in the object's JSON (a value of None counts for nothing), or a function of the object. `where` says
    which objects count.
    """

    def check(view: View) -> str | None:
        seen: dict[str, str] = {}
        for obj in view.ever(kind):
            key = by(obj) if callable(by) else at_path(obj.to_dict(), by)
            if key is None or obj.uid in view.deleted_by_people or (where is not None and not where(obj)):
                continue
            if str(key) in seen:
                told = by if isinstance(by, str) else getattr(by, "__name__", "key")
                return f"{kind.__name__} {obj.name} is the second one with {told} {key!s}: {seen[str(key)]} came first"
            seen[str(key)] = obj.name
        return None

    return Invariant(f"at most one {kind.__name__} is created for each key", "always", check, (kind,))


def at_most_once_outside(effect: str) -> Invariant:
    """At most one effect of that name is made outside the cluster for each key (`world.outside.do(effect, key)`)."""

    def check(view: View) -> str | None:
        seen: dict[str, None] = {}
        for done in view.outside.done:
            if done.effect != effect:
                continue
            if done.key in seen:
                return f"{effect} {done.key} happened twice"
            seen[done.key] = None
        return None

    return Invariant(f"{effect} happens at most once for each key", "always", check)


def problem(invariant: Invariant, *given: Any) -> str | None:
    """What is wrong, or None where the invariant holds. What a check raises beside AssertionError comes out."""
    try:
        answer = invariant.check(*given)
    except AssertionError as error:
        return str(error) or "the assertion does not hold"
    if answer is False:
        return "it does not hold"
    return str(answer) if isinstance(answer, str) and answer else None


def at_path(obj: Any, path: str) -> Any:
    """The value at a dotted path in JSON; None where there is none."""
    for part in path.split("."):
        if not isinstance(obj, dict):
            return None
        obj = obj.get(part)
    return obj


def _name(check: Callable[..., object]) -> str:
    return getattr(check, "__name__", str(check)).replace("_", " ")
