"""Runs programs and says what they cost: processor seconds and memory of the whole process, start-up included."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def run(argv: Sequence[str], *, kubeconfig: Path | None = None, started: Callable[[int], None] | None = None) -> Cost:
    """Run a program to its end. Its last line of standard output is JSON. Raises Failed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(argv, stdout=out, stderr=err, env=environment, cwd=ROOT)
        try:
            if started is not None:
                started(process.pid)
            status, usage = _ended(process.pid)
        finally:
            process.returncode = 0
        wall = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        lines, complaint = out.read().decode().splitlines(), err.read().decode()[-2000:]
    if os.waitstatus_to_exitcode(status) != 0 or not lines:
        raise Failed(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}: {complaint}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, json.loads(lines[-1]))


def _ended(pid: int) -> tuple[int, Any]:
    began = time.monotonic()
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage
        if time.monotonic() - began > LONGEST:
            os.kill(pid, 9)
        time.sleep(0.02)


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
        process.wait(30)


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
