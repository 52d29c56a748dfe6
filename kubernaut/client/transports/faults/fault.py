"""The faults there are: for a request, and for the frames of a watch."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from kubernaut.client.checks import at_least, between
from kubernaut.client.errors import error_from_object
from kubernaut.client.transports.faults.effects import Answer, AnswerLost, Delay, Effect, Hang, NeverArrives, Refused
from kubernaut.client.transports.faults.streams import (
    END,
    Cut,
    CutMidFrame,
    Insert,
    Lag,
    Repeat,
    Silence,
    StreamEffect,
    Widen,
)

__all__ = ["Fault"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; made by its class methods, put to work by `Faults.add`.

    Times are seconds of the event loop, so virtual in virtual time. Frames of a watch are counted from 1, bookmarks
    included; ``after=0`` means before the first. Class methods raise ValueError for arguments that make no sense.
    """

    name: str
    effect: Effect

    def __str__(self) -> str:
        return self.name

    @property
    def of_watches(self) -> bool:
        """Whether this fault happens within the stream of a watch, so that it suits no other verb."""
        return isinstance(self.effect, StreamEffect)

    # Requests.

    @classmethod
    def status(
        cls,
        code: int,
        *,
        reason: str | None = None,
        message: str = "injected",
        retry_after: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> Fault:
        """The server answers an error and does nothing.

        ``reason`` is Kubernetes' word for it, by default the one of the code (409 is Conflict: say AlreadyExists where
        you mean that). ``retry_after``, whole seconds, is sent as header and in the Status.
        """
        between("code", code, 400, 599)
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": message, "reason": reason or _reason(code), "code": code}
        headers = {"content-type": "application/json"}
        extra = dict(details or {})
        if retry_after is not None:
            at_least("retry_after", retry_after, 1)
            extra["retryAfterSeconds"] = retry_after
            headers["retry-after"] = str(retry_after)
        if extra:
            body["details"] = extra
        return cls(f"status {code} {body['reason']}", Answer(code, body, headers))

    @classmethod
    def refused(cls) -> Fault:
        """The connection is refused, at once."""
        return cls("connection refused", Refused())

    @classmethod
    def timeout(cls, seconds: float | None = None) -> Fault:
        """The request never reaches the server; TransportTimeout after ``seconds``.

        None: after the request's own timeout, at once where it has none.
        """
        if seconds is not None:
            at_least("seconds", seconds, 0)
        return cls("timeout, request lost", NeverArrives(seconds))

    @classmethod
    def answer_lost(cls, seconds: float | None = None) -> Fault:
        """The request takes effect, its answer is lost; TransportTimeout after ``seconds``, as for `timeout`."""
        if seconds is not None:
            at_least("seconds", seconds, 0)
        return cls("timeout, answer lost", AnswerLost(seconds))

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """The request takes so much longer on its way; where that is longer than its timeout, it never arrives."""
        at_least("seconds", seconds, 0)
        return cls(f"delay {seconds:g} s", Delay(seconds))

    @classmethod
    def hang(cls) -> Fault:
        """Nothing happens until the caller is cancelled, or the rule is removed: then the request goes on."""
        return cls("hang", Hang())

    # Watches.

    @classmethod
    def cut(cls, after: int = 0, *, clean: bool = False) -> Fault:
        """The stream breaks after ``after`` frames; ``clean``: it ends, as a server ends a watch now and then."""
        at_least("after", after, 0)
        name = f"watch {'ended' if clean else 'cut'} after {after} frames"
        return cls(name, StreamEffect(lambda request, note: Cut(note, after, clean)))

    @classmethod
    def cut_mid_frame(cls, after: int = 0) -> Fault:
        """The stream ends half-way through the frame that follows ``after`` others."""
        at_least("after", after, 0)
        name = f"watch cut in frame {after + 1}"
        return cls(name, StreamEffect(lambda request, note: CutMidFrame(note, after)))

    @classmethod
    def garbage(cls, after: int = 0) -> Fault:
        """A line that is no JSON comes after ``after`` frames."""
        at_least("after", after, 0)
        line = b"<html>502 Bad Gateway</html>\n"
        name = f"garbage after {after} frames"
        return cls(name, StreamEffect(lambda request, note: Insert(note, after, (line,))))

    @classmethod
    def unknown_event(cls, type: str = "RENAMED", after: int = 0) -> Fault:
        """An event of a type that no client knows comes after ``after`` frames."""
        at_least("after", after, 0)
        line = msgspec.json.encode({"type": type, "object": {"metadata": {}}}) + b"\n"
        name = f"event {type} after {after} frames"
        return cls(name, StreamEffect(lambda request, note: Insert(note, after, (line,))))

    @classmethod
    def error_event(cls, code: int = 410, *, reason: str | None = None, after: int = 0) -> Fault:
        """An ERROR event with a Status comes after ``after`` frames, and the stream ends; 410 is Expired."""
        at_least("after", after, 0)
        between("code", code, 400, 599)
        reason = reason or ("Expired" if code == HTTPStatus.GONE else _reason(code))
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "injected"}
        line = msgspec.json.encode({"type": "ERROR", "object": {**status, "reason": reason, "code": code}}) + b"\n"
        name = f"event ERROR {code} after {after} frames"
        return cls(name, StreamEffect(lambda request, note: Insert(note, after, (line, END))))

    @classmethod
    def duplicate(cls, at: int | None = None) -> Fault:
        """Frame number ``at`` comes twice; None: each frame."""
        _check_at(at)
        return cls(f"duplicate of frame {at or 'each'}", StreamEffect(lambda request, note: Repeat(note, at, 2)))

    @classmethod
    def drop(cls, at: int | None = None) -> Fault:
        """Frame number ``at`` never comes; None: none comes. No server loses events so: clients cannot notice."""
        _check_at(at)
        return cls(f"loss of frame {at or 'each'}", StreamEffect(lambda request, note: Repeat(note, at, 0)))

    @classmethod
    def lag(cls, by: int = 1, *, at: int | None = None) -> Fault:
        """Each frame comes ``by`` events late; with ``at``, that one alone, so that later ones overtake it."""
        at_least("by", by, 1)
        _check_at(at)
        name = f"frame {at or 'each'} late by {by}"
        return cls(name, StreamEffect(lambda request, note: Lag(note, by, at)))

    @classmethod
    def silence(cls, after: int = 0, *, bookmarks: bool = True) -> Fault:
        """After ``after`` frames only bookmarks come, of the version told so far; without ``bookmarks``, nothing.

        What happens meanwhile is not delivered later on this stream: the next watch brings it.
        """
        at_least("after", after, 0)
        name = f"silence after {after} frames" + (" but for bookmarks" if bookmarks else "")
        return cls(name, StreamEffect(lambda request, note: Silence(note, request, after, bookmarks)))

    @classmethod
    def big_frame(cls, size: int = 3 * MIB, *, at: int | None = 1) -> Fault:
        """Frame number ``at`` takes ``size`` bytes, its object unchanged; None: each frame."""
        at_least("size", size, 1)
        _check_at(at)
        return cls(f"frame {at or 'each'} of {size} bytes", StreamEffect(lambda request, note: Widen(note, at, size)))


def _check_at(at: int | None) -> None:
    if at is not None:
        at_least("at", at, 1)


def _reason(code: int) -> str:
    return error_from_object({"code": code}).default_reason or "Unknown"
