"""Runs one program for a parent process and ends it with the parent, whatever that one dies of.

python guard.py FOLDER PROGRAM [ARGUMENT]...

Standard input is a pipe from the parent. ``t`` asks the program to end and ``k`` kills it, and either leaves FOLDER to
the parent. The end of the pipe means that the parent is gone: then FOLDER is removed as well. Nothing of the package is
imported here, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

POLL_SECONDS = 0.1
# An API server waits for its watches to end, which they do not.
GRACE_SECONDS = 2.0
PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Linux: this process is killed when the one that forked it ends. Elsewhere a killed guard leaves its program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _order(child: subprocess.Popen[bytes]) -> bytes | None:
    """What the parent asks for (empty: it is gone); None when the program ends before that."""
    while child.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if readable:
            return os.read(sys.stdin.fileno(), 1)
    return None


def main(folder: str, command: list[str]) -> int:
    """Returns the program's exit code; for one that a signal ended, 128 and its number."""
    # preexec_fn is unsafe where there are threads; here are none.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent) as child:  # noqa: PLW1509
        order = _order(child)
        if order is not None:
            if order == b"k":
                child.kill()
            else:
                child.terminate()
            try:
                child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        code = child.wait()
    if order == b"":
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
