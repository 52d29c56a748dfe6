"""One child process with its log; it ends with this process, however this process ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kubernaut.testing.envtest.errors import EnvTestError

__all__ = ["Program"]

GUARD = Path(__file__).with_name("guard.py")
# The guard's own grace, and then some.
STOP_SECONDS = 10.0
TAIL_LINES = 25
TAIL_BYTES = 16_384


class Program:
    """A program that runs under the guard. Bound to no event loop; its methods block."""

    def __init__(self, name: str, log: Path, scratch: Path) -> None:
        self.name = name
        self.log = log
        self._scratch = scratch
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def started(self) -> bool:
        """Whether it was started and not stopped; it may have ended by itself."""
        return self._guard is not None

    def start(self, command: Sequence[str]) -> None:
        """Start it; its log is appended to. Raises EnvTestError when it runs already."""
        if self.running:
            raise EnvTestError(f"{self.name} runs already")
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(self._scratch), *command]
        with self.log.open("ab") as output:
            # A session of its own: the terminal's Ctrl-C is for this process, which then ends it in order.
            self._guard = subprocess.Popen(
                guarded, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True, bufsize=0
            )

    def check(self) -> None:
        """Raises EnvTestError, with the tail of the log, when it has ended by itself."""
        if self._guard is not None and self._guard.poll() is not None:
            raise self.failure(f"ended with exit code {self._guard.returncode}")

    def failure(self, what: str) -> EnvTestError:
        """An error about this program, with the tail of its log."""
        return EnvTestError(f"{self.name} {what}. The end of its log:\n{self.tail()}")

    def stop(self, *, kill: bool = False) -> None:
        """End it and wait until it has ended: SIGTERM, after two seconds SIGKILL; with ``kill`` that at once."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.write(b"k" if kill else b"t")
        try:
            guard.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        guard.stdin.close()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        try:
            content = self.log.read_bytes()[-TAIL_BYTES:]
        except FileNotFoundError:
            return ""
        return "\n".join(content.decode(errors="replace").splitlines()[-lines:])
