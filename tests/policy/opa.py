"""A real OPA server for tests; those that want it are skipped where there is none."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from kubernaut.policy import DEFAULT_BUNDLE

START_SECONDS = 20


def program() -> str | None:
    """Where `opa` is; tools/opa.sh puts it beside the interpreter."""
    beside = Path(sys.executable).with_name("opa")
    return str(beside) if beside.exists() else shutil.which("opa")


@contextmanager
def server(*paths: str, token: str | None = None) -> Iterator[str]:
    """A server that has loaded `paths`; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    opa = program()
    assert opa is not None
    options = ["--addr", address, "--log-level", "error", "--disable-telemetry", "--ignore", "*_test.rego"]
    if token is not None:
        options += ["--authentication", "token", "--authorization", "basic"]
    process = subprocess.Popen([opa, "run", "--server", *options, *(paths or (str(DEFAULT_BUNDLE),))])
    try:
        _wait(f"http://{address}/health", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("OPA did not start")
