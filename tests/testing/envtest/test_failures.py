"""EnvTest without the real programs: what it says when something is missing, and how its guard ends a program."""

from __future__ import annotations

import builtins
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubernaut.testing import EnvTest, EnvTestError
from kubernaut.testing.envtest import flags
from kubernaut.testing.envtest.files import Files
from kubernaut.testing.envtest.ports import FIRST, LAST, free_ports
from kubernaut.testing.envtest.programs import Program

SLEEPER = ["sh", "-c", "echo begun; trap 'echo asked; exit 0' TERM; while :; do sleep 0.01; done"]
VERSION = """case "$*" in *--version*) exit 0 ;; esac;"""
STUBBORN = ["sh", "-c", "trap '' TERM; echo begun; while :; do sleep 0.01; done"]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """Programs of the right names that end at once."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("etcd", "kube-apiserver", "kube-controller-manager"):
        script(folder / name, f"echo {name} has no room; exit 3")
    return folder


def test_without_assets_it_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(EnvTestError, match=r"KUBEBUILDER_ASSETS is not set.*setup-envtest"):
        EnvTest()
    (tmp_path / "etcd").write_text("")
    with pytest.raises(EnvTestError, match=r"etcd is no program; in .* there is: etcd\."):
        EnvTest(tmp_path)
    with pytest.raises(EnvTestError, match="no such folder"):
        EnvTest(tmp_path / "elsewhere")


def test_without_cryptography_it_names_the_extra(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EnvTestError, match=r"pip install 'kubernaut-runtime\[certificates\]'"), EnvTest(assets):
        pass


async def test_a_program_that_ends_is_an_error_with_the_tail_of_its_log(assets: Path, tmp_path: Path) -> None:
    script(assets / "kube-apiserver", "sleep 60")
    with pytest.raises(EnvTestError, match=r"etcd ended with exit code 3.*\netcd has no room"):
        async with EnvTest(assets, folder=tmp_path / "logs"):
            pass
    assert "no room" in (tmp_path / "logs" / "etcd.log").read_text(), "the log stays in a folder of the user's"


async def test_a_start_has_a_bound(assets: Path) -> None:
    script(assets / "etcd", f"{VERSION} sleep 60")
    script(assets / "kube-apiserver", "echo still thinking; sleep 60")
    env = EnvTest(assets, start_seconds=0.5)
    with pytest.raises(EnvTestError, match=r"kube-apiserver is not ready after 0.5 s: .*\nstill thinking"):
        async with env:
            pass
    with pytest.raises(EnvTestError, match="does not run"):
        _ = env.url


async def test_a_port_that_is_taken_after_all_is_replaced_by_another(assets: Path, tmp_path: Path) -> None:
    script(assets / "kube-apiserver", "sleep 60")
    script(assets / "etcd", f"{VERSION} echo x >> {tmp_path}/starts; echo 'bind: address already in use'; exit 1")
    with pytest.raises(EnvTestError, match="already in use"):
        async with EnvTest(assets):
            pass
    assert len((tmp_path / "starts").read_text().split()) == 3


def test_ports_are_not_those_that_connections_are_given() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(FIRST <= port < LAST < 32768 for port in ports)


def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def begun(program: Program, command: list[str]) -> None:
    program.start(command)
    until(lambda: "begun" in program.tail())


def test_a_program_is_asked_to_end_and_killed_when_it_does_not(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    willing, stubborn = (Program(name, tmp_path / f"{name}.log", scratch) for name in ("willing", "stubborn"))
    begun(willing, SLEEPER)
    begun(stubborn, STUBBORN)
    with pytest.raises(EnvTestError, match="runs already"):
        willing.start(SLEEPER)
    willing.stop()
    stubborn.stop()
    assert willing.tail() == "begun\nasked"
    assert not willing.running
    assert not stubborn.running
    begun(willing, SLEEPER)
    willing.stop(kill=True)
    assert willing.tail().count("asked") == 1
    assert scratch.exists(), "the folder is the parent's as long as it lives"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed guard leaves its program")
def test_a_killed_guard_takes_its_program_with_it(tmp_path: Path) -> None:
    program = Program("p", tmp_path / "p.log", tmp_path / "scratch")
    begun(program, ["sh", "-c", "echo $$; echo begun; exec sleep 600"])
    pid = int(program.tail().split()[0])
    assert program._guard is not None
    program._guard.kill()
    until(lambda: not _alive(pid))
    with pytest.raises(EnvTestError, match="p ended"):
        program.check()
    program.stop()


def test_a_program_and_its_folder_go_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    parent = f"""
import pathlib, time
from kubernaut.testing.envtest.programs import Program
program = Program("p", pathlib.Path({str(tmp_path / "p.log")!r}), pathlib.Path({str(scratch)!r}))
program.start(["sh", "-c", "echo $$; exec sleep 600"])
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        log = tmp_path / "p.log"
        until(lambda: log.exists() and log.read_text().strip())
        process.kill()
    pid = int(log.read_text())
    until(lambda: not _alive(pid) and not scratch.exists())


def _alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


OLD = """case "$*" in
*--help*) echo '  All controllers: attachdetach, job, nodelifecycle, service, serviceaccount'; echo 'Disabled-by: x' ;;
esac"""
NEW = """case "$*" in
*--port=0*|*--unsafe*) echo unknown flag; exit 1 ;;
*--help*) echo '  All controllers: job-controller, node-lifecycle-controller, serviceaccount-controller' ;;
esac"""


@pytest.mark.parametrize(
    ("program", "controllers", "extra"),
    [
        (OLD, "--controllers=*,-attachdetach,-nodelifecycle,-service", True),
        (NEW, "--controllers=*,-node-lifecycle-controller", False),
    ],
    ids=["1.20", "since 1.28"],
)
def test_flags_and_controllers_are_those_that_the_program_knows(
    tmp_path: Path, program: str, controllers: str, extra: bool
) -> None:
    binary = script(tmp_path / "program", program)
    files = Files(tmp_path, {})
    command = flags.controller_manager(binary, files, 1)
    assert controllers in command
    assert ("--port=0" in command) == extra
    assert ("--unsafe-no-fsync" in flags.etcd(binary, tmp_path, 1, 2)) == extra
