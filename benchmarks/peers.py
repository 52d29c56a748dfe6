"""The programs that are compared, by name: how each is started, and whether this machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measure import ROOT

PEERS = ROOT / ".venv-bench"
"""A virtual environment of their own: kopf's dependencies are none of ours."""
GO = ROOT / "benchmarks" / "go"
BINARY = PEERS / "bin" / "controller-runtime-bench"
PACKAGES = ("kopf==1.45.2", "kr8s==0.20.15", "kubernetes-asyncio")

Argv = Callable[[str, int], list[str]]


def kubernaut(mode: str, count: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.programs.kubernaut_sync", mode, str(count)]


def kopf(mode: str, count: int) -> list[str]:
    return [str(PEERS / "bin" / "python"), "-m", "benchmarks.programs.kopf_sync", mode, str(count)]


def controller_runtime(mode: str, count: int) -> list[str]:
    return [str(BINARY), mode, str(count)]


def install(tell: Callable[[str], None]) -> Mapping[str, Argv]:
    """Lay out the peers, once; those that there are. Without a Go toolchain controller-runtime is left out."""
    found: dict[str, Argv] = {"kubernaut": kubernaut}
    if not (PEERS / "bin" / "python").exists():
        tell(f"installing {', '.join(PACKAGES)} ...")
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
    found["kopf"] = kopf
    if shutil.which("go") is None:
        tell("there is no Go toolchain: controller-runtime is left out")
        return found
    if not BINARY.exists() or BINARY.stat().st_mtime < newest(GO):
        tell("building controller-runtime's program ...")
        environment = {**os.environ, "GOFLAGS": "-mod=mod"}
        subprocess.run(["go", "build", "-o", str(BINARY), "."], check=True, cwd=GO, env=environment)
    found["controller-runtime"] = controller_runtime
    return found


def newest(folder: Path) -> float:
    """When its sources changed last."""
    return max(path.stat().st_mtime for path in folder.iterdir())
