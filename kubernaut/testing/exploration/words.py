"""Faults in words that a person understands: what is done, to what, and at which call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from kubernaut.client import TransportRequest
from kubernaut.client.requestinfo import classify
from kubernaut.testing.exploration.faults import Fault

if TYPE_CHECKING:
    from kubernaut.testing.exploration.schedule import Injection

__all__ = ["in_words", "named"]


def in_words(injection: Injection, when: str, where: str) -> str:
    """One fault; `when` is before or after the call `where`, or both are "" and told otherwise."""
    at = f"{when} {where}".strip()
    tell = _WORDS.get(injection.fault)
    if tell is not None:
        return tell(injection, at)
    options = ", ".join(f"{name} {value}" for name, value in injection.options)
    return f"{injection.fault}{f' ({options})' if options else ''} {at}"


def named(path: str) -> str:
    """An object by its path: its kind's name, as kubectl writes it, and its own."""
    info = classify(TransportRequest("GET", path))
    if not info.resource:
        return path
    kind = f"{info.resource}.{info.group}" if info.group else info.resource
    # The request for a namespace names it twice.
    within = info.namespace if info.resource != "namespaces" else ""
    return f"{kind} {within}/{info.name}" if within else f"{kind} {info.name}"


def _crash(injection: Injection, at: str) -> str:
    downtime = injection.number("downtime")
    return f"crash {at}" + (f", and {_span(downtime)} of nothing" if downtime else "")


def _deposed(injection: Injection, at: str) -> str:
    seconds = injection.number("seconds")
    arrives = f"that call arrives {_span(seconds)} later, when another one leads" if seconds else "another one leads"
    return f"deposed {at}: {arrives}"


def _error(injection: Injection, at: str) -> str:
    code = int(injection.number("code"))
    try:
        phrase = f" {HTTPStatus(code).phrase}"
    except ValueError:
        phrase = ""
    return f"error {code}{phrase} instead of {at.removeprefix('before ').removeprefix('after ')}"


def _timeout(injection: Injection, at: str) -> str:
    return f"timeout {at}: {'it took effect, and the answer is lost' if injection.after else 'the request is lost'}"


def _stale(injection: Injection, at: str) -> str:
    return f"stale watches of {injection.text('resource')}, {_events(injection)} behind, {at}"


def _lost(injection: Injection, at: str) -> str:
    return f"lost: {_events(injection)} of the watches of {injection.text('resource')}, {at}"


def _duplicate(injection: Injection, at: str) -> str:
    return f"duplicate: {_events(injection)} of the watches of {injection.text('resource')} twice, {at}"


def _expired(injection: Injection, at: str) -> str:
    return f"expired: 410 Gone for the watches of {injection.text('resource')}, {at}"


def _cut(injection: Injection, at: str) -> str:
    return f"cut: the connections of the watches of {injection.text('resource')} break, {at}"


def _clock(injection: Injection, at: str) -> str:
    seconds = injection.number("seconds")
    return f"clock {_span(abs(seconds))} {'ahead' if seconds > 0 else 'back'} {at}"


def _slow(injection: Injection, at: str) -> str:
    return f"slow pods, {_span(injection.number('seconds'))} more to start, {at}"


def _touch(injection: Injection, at: str) -> str:
    return f"touch: a person annotates {named(injection.text('path'))} {at}"


def _edit(injection: Injection, at: str) -> str:
    number = int(injection.number("edit"))
    return f"edit: a person makes edit {number} of {named(injection.text('path'))} {at}"


def _delete(injection: Injection, at: str) -> str:
    return f"delete: a person deletes {named(injection.text('path'))} {at}"


_WORDS: Mapping[str, Callable[[Injection, str], str]] = {
    Fault.CRASH: _crash,
    Fault.DEPOSED: _deposed,
    Fault.ERROR: _error,
    Fault.TIMEOUT: _timeout,
    Fault.STALE: _stale,
    Fault.LOST: _lost,
    Fault.DUPLICATE: _duplicate,
    Fault.EXPIRED: _expired,
    Fault.CUT: _cut,
    Fault.CLOCK: _clock,
    Fault.SLOW: _slow,
    Fault.TOUCH: _touch,
    Fault.EDIT: _edit,
    Fault.DELETE: _delete,
}


def _events(injection: Injection) -> str:
    number = int(injection.option("events", 1))
    return "1 event" if number == 1 else f"{number} events"


def _span(seconds: float) -> str:
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 60 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
