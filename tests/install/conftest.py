"""Servers to which the rendered manifests are applied, with the real kubectl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from tests.fake.kubectl.running import KUBECTL, Ran, Served

SECONDS = 60

Command = Callable[..., Ran]


def kubernaut(*arguments: str) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(app, list(arguments))


class Applier:
    """kubectl against one server, as its administrator."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self.kubeconfig = kubeconfig
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubeconfig)}

    def __call__(self, *arguments: str, stdin: str | None = None) -> Ran:
        assert KUBECTL is not None
        done = subprocess.run(
            [KUBECTL, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=self._environment,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return Ran(done.returncode, done.stdout, done.stderr)

    def rendered(self, command: str, *arguments: str) -> str:
        """What the command prints for this server."""
        done = kubernaut(command, *arguments, "--kubeconfig", str(self.kubeconfig))
        assert done.exit_code == 0, done.output
        assert done.stderr == ""
        return done.stdout


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applier]:
    """A served fake cluster, the newest version."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed (tools/kubectl.sh gets it)")
    served = Served(tmp_path_factory.mktemp("served"), "--no-controlplane")
    yield Applier(served.kubeconfig, tmp_path_factory.mktemp("home"))
    code, errors = served.stop()
    assert code == 0, errors
