"""`python -m benchmarks.micro.fakehttp [kubernaut|kube-apiserver] [COUNT] [CLIENT]`: creates a second, 32 connections.

Against `kubernaut fake serve` without its control plane, or kube-apiserver and etcd out of KUBEBUILDER_ASSETS without
kube-controller-manager, on the same cores as the client. CLIENT is the program of `go/httpload`; without it a slower
one in Python is used, the same for both. The real server takes TLS, for it speaks nothing else.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.micro.bodies import LOADED, bodies
from kubernaut import connect
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.envtest import EnvTest

CONNECTIONS = 32
LONGEST = 90.0
ENDING = 15.0


@contextmanager
def fake(folder: Path) -> Iterator[Path]:
    """The in-memory cluster, served; the path of a kubeconfig."""
    path = folder / "kubeconfig"
    argv = [sys.executable, "-m", "kubernaut", "fake", "serve", "--no-controlplane", "--kubeconfig", str(path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("serving"):
            raise RuntimeError("`kubernaut fake serve` does not serve")
        process.stdout.readline()  # the kubeconfig is written
        yield path
    finally:
        process.terminate()
        process.stdout.close()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def real(folder: Path) -> Iterator[Path]:
    """etcd and kube-apiserver; the path of a kubeconfig."""
    path = folder / "kubeconfig"
    with EnvTest(controller_manager=False) as environment:
        path.write_text(json.dumps(environment.kubeconfig()))
        yield path


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Path]]] = {"kubernaut": fake, "kube-apiserver": real}


async def stored(kubeconfig: Path) -> int:
    """How many of what was created the server has."""
    async with connect(kubeconfig) as client:
        return sum([each.name.startswith(LOADED) for each in await client.list(ConfigMap, namespace="default")])


def main(server: str, count: int, client: list[str]) -> None:
    warming = max(CONNECTIONS, count // 10)
    with tempfile.TemporaryDirectory(prefix="kubernaut-bench-") as name:
        folder = Path(name)
        file = folder / "bodies"
        file.write_bytes(b"\n".join(bodies("configmaps", warming + count)))
        with SERVERS[server](folder) as kubeconfig:
            argv = [*client, str(kubeconfig), str(file), str(CONNECTIONS), str(warming)]
            ended = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=LONGEST)
            said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
            found = asyncio.run(stored(kubeconfig))
    if said["created"] != count or found != count + warming:
        raise SystemExit(f"{said['created']} of {count} were created, {found} are there")
    print(json.dumps({"server": server, "stored": found, **said, "per_second": count / said["seconds"]}))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("kubernaut", "3000")[len(sys.argv) - 1 :]]
    main(given[0], int(given[1]), given[2:] or [sys.executable, "-m", "benchmarks.micro.httpload"])
