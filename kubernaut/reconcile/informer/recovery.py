"""What an informer does after a failure: from which state it goes on."""

from __future__ import annotations

import msgspec

from kubernaut.client import (
    ApiError,
    BadRequest,
    ClientError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from kubernaut.client.frames import FrameError
from kubernaut.reconcile.informer.states import Empty, InitPage, InitStream, State, Watching


class InStreamError(ClientError):
    """An ERROR event in a watch. `error` is its Status."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(str(error))
        self.error = error


class UnreadableFrame(ClientError):
    """A watch event that makes no sense: what it was about is unknown until the next list."""


Failure = ClientError | msgspec.DecodeError

_BUSY = (TooManyRequests, Unauthorized, ServiceUnavailable)
"""Answers that say nothing about the request: the same one is sent again."""


def status_of(error: Failure) -> Failure:
    """The server's error, where an ERROR event carried it."""
    return error.error if isinstance(error, InStreamError) else error


def refuses_streaming(state: State, error: Failure) -> bool:
    """Whether a server says that it knows no streaming lists (from 1.20 on: 422, a parameter is forbidden)."""
    return isinstance(state, InitStream) and isinstance(status_of(error), Invalid | BadRequest)


def is_absent(error: Failure) -> bool:
    """Whether the server does not know the kind."""
    return isinstance(error, NotFound)


def is_refused(error: Failure) -> bool:
    """Whether the server refuses this client: a permission is missing, or its credentials are."""
    return isinstance(status_of(error), Forbidden | Unauthorized)


def at_once(error: Failure) -> bool:
    """Whether the first such failure needs no waiting: the server is well, its history is too short or too old."""
    return isinstance(status_of(error), Gone | Timeout)


def after(state: State, error: Failure) -> State:
    """Where to go on. A watch that could not be opened, or broke, is resumed; all else is listed anew."""
    lost_track = isinstance(error, InStreamError | UnreadableFrame | FrameError | msgspec.DecodeError)
    match state:
        case Watching() if not lost_track and isinstance(error, (TransportError, *_BUSY)):
            return state
        case InitStream() if isinstance(status_of(error), ApiError):
            transient = isinstance(status_of(error), (*_BUSY, Gone, Timeout, NotFound))
            return Empty(streaming=transient)
        case InitStream() if lost_track:  # a list in pages can leave out what cannot be read
            return Empty(streaming=False)
        case InitPage(continue_=str()) if isinstance(error, Gone):
            # The pages outlived the server's history, as they may every time: one request without pages cannot.
            return Empty(streaming=False, paged=False)
        case InitPage(paged=False):
            return Empty(streaming=False, paged=False)
        case _:
            return Empty()
