"""A served fake cluster with what executions need, and `kubernaut run` in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.fake.controlplane.behaviour import default_script, kubectl_arguments
from kubernaut.remediation.analysis import AIAnalysis
from kubernaut.remediation.approval import ApprovalRequest
from kubernaut.remediation.execution import KubernetesExecution, crds
from kubernaut.remediation.processing import RemediationProcessing
from kubernaut.remediation.request import RemediationRequest
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container

SECONDS = 60
"""After this something counts as hanging."""
ROOT = Path(__file__).parents[3]

T = TypeVar("T")


def quick(pod: Pod, container: Container, restarts: int) -> PodScript | None:
    """Kubectl does what it does in its own time; everything else starts soon."""
    if kubectl_arguments(container) is not None:
        return None
    return replace(default_script(pod, container), start_up=timedelta(milliseconds=10))


class ServedCluster:
    """A fake cluster on an event loop in a thread of its own, where processes can reach it."""

    def __init__(self, kubeconfig: Path, *, port: int = 0, rbac: bool = False) -> None:
        self.kubeconfig = kubeconfig
        self._port = port
        self._rbac = rbac
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, FakeCluster]] = Future()
        self._thread = threading.Thread(target=self._serve, name="served fake cluster")
        self._thread.start()
        self._loop, self._stop, self.cluster = self._started.result(SECONDS)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _run(self) -> None:
        async with FakeCluster(behaviour=quick, rbac=self._rbac) as cluster, cluster.serve(self._port):
            cluster.kubeconfig(self.kubeconfig)
            stop = asyncio.Event()
            self._started.set_result((asyncio.get_running_loop(), stop, cluster))
            await stop.wait()

    def do(self, work: Callable[[FakeCluster], Coroutine[Any, Any, T]]) -> T:
        """Something on the cluster's own loop."""
        return asyncio.run_coroutine_threadsafe(work(self.cluster), self._loop).result(SECONDS)

    def load(self, objects: Sequence[dict[str, Any]]) -> None:
        async def load(cluster: FakeCluster) -> None:
            await cluster.load(list(objects))

        self.do(load)

    def phases(self) -> dict[str, str]:
        """The phase of each execution, by name."""

        async def phases(cluster: FakeCluster) -> dict[str, str]:
            found = await cluster.client.list(KubernetesExecution)
            return {each.name: str(each.status.phase or "") for each in found}

        return self.do(phases)

    def requests(self, verb: str, part: str) -> list[str]:
        """The paths of the requests of a kind that succeeded."""

        async def requests(cluster: FakeCluster) -> list[str]:
            return [r.path for r in cluster.requests if r.verb == verb and part in r.path and r.code < 300]

        return self.do(requests)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@contextmanager
def served(folder: Path, *, port: int = 0, rbac: bool = False) -> Iterator[ServedCluster]:
    """An empty cluster."""
    cluster = ServedCluster(folder / "kubeconfig", port=port, rbac=rbac)
    try:
        yield cluster
    finally:
        cluster.stop()


STORY: tuple[type[Resource], ...] = (
    ApprovalRequest,
    WorkflowExecution,
    RemediationProcessing,
    AIAnalysis,
    RemediationRequest,
)


def what_executions_need() -> list[dict[str, Any]]:
    """The rights of the actions' Jobs, and the kinds of all controllers that run by default."""
    return [
        *crds(),
        *(crd_for(kind) for kind in STORY),
        *(each.to_dict() for each in rbac_manifests(Catalog.builtin(), "kubernaut-executor")),
    ]


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "shop/web:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def scaling(name: str) -> dict[str, Any]:
    """An execution that scales the Deployment of its own name to two replicas."""
    target = {"kind": "Deployment", "namespace": "shop", "name": name}
    return {
        "apiVersion": KubernetesExecution.resource_type.api_version,
        "kind": "KubernetesExecution",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"action": "scale-deployment", "target": target, "parameters": {"replicas": 2}},
    }


class Process:
    """One `kubernaut run`, whose log is read as it comes."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "kubernaut", "run", "--metrics-bind=127.0.0.1:0", "--health-bind=127.0.0.1:0"]
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=clean_environment() | (environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="log of kubernaut run")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.log) if line.startswith("{")]

    def line(self, event: str) -> dict[str, Any]:
        """The first log line about something; waits for it."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self._lines() if event in line["event"]), None)

        return until(found, lambda: "".join(self.log))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextmanager
def running(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """A process that is killed at the end if it still runs."""
    process = Process(folder, *options, environment=environment)
    try:
        yield process
    finally:
        if process.process.returncode is None:
            process.process.kill()
            process.wait()


def until(found: Callable[[], T | None], otherwise: Callable[[], object] = lambda: "") -> T:
    """What `found` gives as soon as that is something."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"it did not come: {otherwise()}")


def clean_environment() -> dict[str, str]:
    """This process's, without what would configure the one that is started."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KUBERNAUT_", "POD_"))}
    return {**ours, "PYTHONPATH": str(ROOT), "KUBECONFIG": ""}
