"""Runs programs and says what they cost: processor seconds and memory of the whole process, start-up included."""

from __future__ import annotations

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LONGEST = 120.0


class Failed(Exception):
    """A program did not end well; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: seconds of processor and of wall time, and the largest resident memory in MiB."""

    cpu: float
    wall: float
    rss: float
    said: Mapping[str, Any]


class Program:
    """A process that is measured; its last line of standard output is JSON."""

    def __init__(self, argv: Sequence[str], *, kubeconfig: Path | None = None) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(ROOT / ".venv-bench" / "pycache"),
        }
        if kubeconfig is not None:
            environment["KUBECONFIG"] = str(kubeconfig)
        self._argv = argv
        # Closed in `end`, which every program comes to.
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        # What the harness itself holds is the least that the kernel says of a child's peak.
        self._floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self._peak = 0.0
        self._began = time.monotonic()
        self._process = subprocess.Popen(argv, stdout=self._out, stderr=self._err, env=environment, cwd=ROOT)
        self.pid = self._process.pid

    @property
    def cpu(self) -> float:
        """Seconds so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)

    def end(self, longest: float = LONGEST) -> Cost:
        """Wait for its end, for `longest` seconds from its start. Raises Failed."""
        try:
            status, usage = self._ended(longest)
        finally:
            self._process.returncode = 0
        wall = time.monotonic() - self._began
        lines, complaint = self._said()
        code = os.waitstatus_to_exitcode(status)
        if code != 0 or not lines:
            late = f", killed after {longest:.0f} s" if wall >= longest else ""
            raise Failed(f"{' '.join(self._argv)} ended with {code}{late}: {complaint}")
        peak = usage.ru_maxrss / 1024
        if peak <= self._floor:
            peak = self._peak
        return Cost(usage.ru_utime + usage.ru_stime, wall, peak, json.loads(lines[-1]))

    def _ended(self, longest: float) -> tuple[int, Any]:
        while True:
            found, status, usage = os.wait4(self.pid, os.WNOHANG)
            if found:
                return status, usage
            if time.monotonic() - self._began > longest:
                os.kill(self.pid, signal.SIGKILL)
            self._peak = max(self._peak, _peak(self.pid))
            time.sleep(0.02)

    def _said(self) -> tuple[list[str], str]:
        with self._out, self._err:
            self._out.seek(0)
            self._err.seek(0)
            return self._out.read().decode().splitlines(), self._err.read().decode()[-2000:]


def run(argv: Sequence[str], *, kubeconfig: Path | None = None, longest: float = LONGEST) -> Cost:
    """Run a program to its end. Raises Failed."""
    program = Program(argv, kubeconfig=kubeconfig)
    return program.end(longest)


def _peak(pid: int) -> float:
    """MiB at most so far, of the program alone; read less often than it changes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure by itself."""
    return Cost(
        statistics.median(each.cpu for each in costs),
        statistics.median(each.wall for each in costs),
        statistics.median(each.rss for each in costs),
        costs[-1].said,
    )


@dataclass(frozen=True, slots=True)
class LoadServer:
    """A load server that is up."""

    port: int
    kubeconfig: Path

    def control(self, path: str) -> dict[str, Any]:
        """Ask it for something, such as `items/reset`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/control/{path}", timeout=LONGEST) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


@contextmanager
def load_server(*, items: int = 0, pods: int = 0) -> Iterator[LoadServer]:
    """A load server with so many objects."""
    argv = [sys.executable, "-m", "benchmarks.load", "--items", str(items), "--pods", str(pods)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None and process.stdout is not None
    try:
        port = int(process.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kubeconfig"
            path.write_text(json.dumps(kubeconfig(f"http://127.0.0.1:{port}")))
            yield LoadServer(port, path)
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kubeconfig(url: str) -> dict[str, Any]:
    """A kubeconfig for a server that asks nobody who they are."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {"token": "none"}}],
    }
