"""A real PostgreSQL for tests, from the machine's own package; tests that want it are skipped where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, if there is one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path and Path(on_path).with_name("postgres").exists():
        found.append(Path(on_path).resolve())
    return found[-1].parent if found else None


class Server:
    """One server with its data; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._bin = folder, programs()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://audit:secret-word@127.0.0.1:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    def initialise(self) -> None:
        """Make the data folder."""
        password = self._folder / "password"
        password.write_text("secret-word")
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            for path in (self._folder, password):
                shutil.chown(path, "postgres")
        self._run(
            "initdb", "-D", str(self._folder / "data"), "-U", "audit", "-A", "scram-sha-256", f"--pwfile={password}"
        )

    def start(self) -> None:
        """Start and wait until it listens."""
        options = ["-D", str(self._folder / "data"), "-p", str(self.port), "-k", str(self._folder)]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command("postgres", *options), stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would, its children too."""
        if self._process is not None:
            # SIGQUIT is "immediate shutdown": no checkpoint, recovery at the next start.
            self._process.send_signal(3)
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        ready = self._command("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q")
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, *command: object) -> None:
        subprocess.run(self._command(*map(str, command)), check=True, capture_output=True, cwd=self._folder)

    def _command(self, program: str, *arguments: str) -> list[str]:
        assert self._bin is not None
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        return [*user, str(self._bin / program), *arguments]


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A running server whose data is in `folder`."""
    made = Server(folder)
    made.initialise()
    try:
        made.start()
        yield made
    finally:
        made.kill()
