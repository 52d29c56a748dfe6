"""Runs the demo: in this process, or in one of its own, as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubernaut.cli.app import app


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]

    @property
    def everything(self) -> str:
        return self.out + self.err


class Demo:
    """`kubernaut demo` in this process, with files written on the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *options: str, text: str | None = None, stdin: str | None = None) -> Ran:
        args = ["demo", *options]
        if text is not None:
            path = self.folder / "given.yaml"
            path.write_text(text)
            args += ["-f", str(path)]
        done = CliRunner().invoke(app, args, input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def process(self, *options: str) -> Ran:
        """The same as a user runs it."""
        args = [sys.executable, "-m", "kubernaut", "demo", *options]
        done = subprocess.run(args, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder)
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    monkeypatch.chdir(tmp_path)
    return Demo(tmp_path)
