"""What is printed reaches a reader that goes away, and a terminal that knows only ASCII, without a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from kubernaut.cli.output import is_closed_pipe

KUBERNAUT = (sys.executable, "-m", "kubernaut")


def read_one_line(arguments: Sequence[str]) -> tuple[str, int, str]:
    """The first line, the exit code once nobody reads on, and what was said about that."""
    process = subprocess.Popen([*KUBERNAUT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    return line, process.wait(120), said


@pytest.mark.parametrize("arguments", [("demo", "scale", "--json"), ("demo", "scale")])
def test_a_reader_that_goes_away_ends_it_quietly(arguments: Sequence[str]) -> None:
    line, code, said = read_one_line(arguments)
    assert line and (code, said) == (141, "")


def test_a_reader_that_is_gone_before_anything_was_printed_does_too() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*KUBERNAUT, "actions"], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_only_writes_that_nobody_reads_are_passed_over() -> None:
    broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert is_closed_pipe(BaseExceptionGroup("", [broken, ExceptionGroup("", [broken])]))
    assert not is_closed_pipe(BaseExceptionGroup("", [broken, ValueError()]))
    assert not is_closed_pipe(ConnectionResetError(errno.ECONNRESET, "reset"))


def in_encoding(encoding: str) -> bytes:
    done = subprocess.run(
        [*KUBERNAUT, "demo", "scale"],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_terminal_that_knows_only_ascii_gets_ascii_symbols() -> None:
    text = in_encoding("ascii").decode("ascii")
    assert "+ KubernetesExecution scale-api-server  rollback_ready" in text
    assert "`-- + Job exec-scale-deployment-" in text and "?" not in text


def test_whoever_asked_for_another_way_gets_it() -> None:
    assert b"&#10004; KubernetesExecution scale-api-server" in in_encoding("ascii:xmlcharrefreplace")
