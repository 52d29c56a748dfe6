"""What every command's output has in common: a reader that goes away, and a terminal that knows only ASCII."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PIPE_CLOSED = 141
"""Exit code where nobody reads on: as of a program that SIGPIPE ends."""

_HANDLER = "kubernaut-ascii"
_SYMBOLS = {
    "✔": "+",
    "✘": "x",
    "✖": "x",
    "●": "*",
    "◌": "o",
    "♥": "+",
    "▲": "!",
    "❯": ">",
    "▶": ">",
    "·": "-",
    "…": "~",
    "│": "|",
    "├": "|",
    "└": "`",
    "─": "-",
    "⚠": "!",
}


@contextmanager
def written_out() -> Iterator[None]:
    """Around a command: symbols that the output cannot hold become ASCII, and a closed pipe ends it without a word.

    Raises SystemExit(141) where the pipe was closed.
    """
    _bear_ascii()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BaseException as error:
        if not is_closed_pipe(error):
            raise
        _point_nowhere()
        raise SystemExit(PIPE_CLOSED) from None


def is_closed_pipe(error: BaseException) -> bool:
    """Whether it is, or a task group gathered, nothing but writes that nobody reads."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_closed_pipe(each) for each in error.exceptions)
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _bear_ascii() -> None:
    codecs.register_error(_HANDLER, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        # Whoever asked for another way, by PYTHONIOENCODING, gets it.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=_HANDLER)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SYMBOLS.get(each, "?") for each in error.object[error.start : error.end]), error.end


def _point_nowhere() -> None:
    """What is still in the buffer would be told as an error when the interpreter ends."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # no file is behind it
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
