"""The programs that are compared, by name: how each is started, and whether this machine has it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from benchmarks.measure import ROOT

PEERS = ROOT / ".venv-bench"
"""A virtual environment of their own: kopf's dependencies are none of ours."""
GO = ROOT / "benchmarks" / "go"
BINARY = PEERS / "bin" / "controller-runtime-bench"
PACKAGES = ("kopf==1.45.2", "kr8s==0.20.15", "kubernetes-asyncio")
OURS, KOPF, CONTROLLER_RUNTIME = "kubernaut", "kopf", "controller-runtime"

Argv = Callable[[str, int], list[str]]
Tell = Callable[[str], None]


def kubernaut(mode: str, count: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.programs.kubernaut_sync", mode, str(count)]


def kopf(mode: str, count: int) -> list[str]:
    return [str(PEERS / "bin" / "python"), "-m", "benchmarks.programs.kopf_sync", mode, str(count)]


def controller_runtime(mode: str, count: int) -> list[str]:
    return [str(BINARY), mode, str(count)]


def install(tell: Tell) -> Mapping[str, Argv]:
    """Lay out the peers, once; those that there are. What cannot be had is left out, and told."""
    found: dict[str, Argv] = {OURS: kubernaut}
    with _alone():
        if _tried("kopf", _install_kopf, tell):
            found[KOPF] = kopf
        if shutil.which("go") is None:
            tell("there is no Go toolchain: controller-runtime is left out")
        elif _tried("controller-runtime", _build, tell):
            found[CONTROLLER_RUNTIME] = controller_runtime
    return found


def versions(programs: Mapping[str, Argv]) -> list[str]:
    """What is compared, for the report."""
    said = [f"kubernaut {metadata.version('kubernaut-runtime')}"]
    if KOPF in programs:
        code = "from importlib import metadata; print(metadata.version('kopf'))"
        version = _answer(str(PEERS / "bin" / "python"), "-c", code)
        said.append(f"kopf {version} on Python {_answer(str(PEERS / 'bin' / 'python'), '-V').removeprefix('Python ')}")
    if CONTROLLER_RUNTIME in programs:
        required = dict(line.split()[:2] for line in (GO / "go.mod").read_text().splitlines() if line.startswith("\t"))
        version = required["sigs.k8s.io/controller-runtime"].removeprefix("v")
        said.append(f"controller-runtime {version} on Go {_answer('go', 'env', 'GOVERSION').removeprefix('go')}")
    return said


def _answer(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30, cwd=GO).stdout.strip()


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time: a half-made environment looks like a whole one."""
    PEERS.mkdir(exist_ok=True)
    with (PEERS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tried(name: str, make: Callable[[Tell], None], tell: Tell) -> bool:
    try:
        make(tell)
    except (subprocess.CalledProcessError, OSError) as error:
        tell(f"{name} is left out: {error}")
        return False
    return True


def _install_kopf(tell: Tell) -> None:
    stamp, wanted = PEERS / ".installed", "\n".join(PACKAGES)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    tell(f"installing {', '.join(PACKAGES)} ...")
    subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)
    stamp.write_text(wanted)


def _build(tell: Tell) -> None:
    if BINARY.exists() and BINARY.stat().st_mtime >= newest(GO):
        return
    tell("building controller-runtime's program ...")
    BINARY.parent.mkdir(exist_ok=True)
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    subprocess.run(["go", "build", "-o", str(BINARY), "."], check=True, cwd=GO, env=environment)


def newest(folder: Path) -> float:
    """When the files right in it changed last."""
    return max(path.stat().st_mtime for path in folder.iterdir() if path.is_file())
