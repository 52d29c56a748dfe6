"""The commands that simulated containers are running right now, each a task that its pod's kubelet can look at."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.fake.controlplane.kubectl import kubectl
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.timing import current_clock


class ProcessKey(NamedTuple):
    """One start of one container."""

    pod_uid: str
    container: str
    restart: int


@dataclass(frozen=True, slots=True)
class Exited:
    """How a process ended."""

    exit_code: int
    log: str
    finished_at: datetime


@dataclass(slots=True)
class _Process:
    scope: anyio.CancelScope
    exited: Exited | None = None


class Processes:
    """Runs kubectl commands as their pods' ServiceAccounts; each start of a container runs at most once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._group: TaskGroup | None = None
        # Kept until the pod is gone: it is what makes starting twice harmless.
        self._started: dict[ProcessKey, _Process] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the tasks of all processes; those still running at the end are cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for process in reversed(self._started.values()):
                    process.scope.cancel()

    def start(self, key: ProcessKey, pod: Pod, arguments: Sequence[str]) -> None:
        """Start a kubectl command; does nothing if this start of the container has begun already."""
        if key in self._started or self._group is None:
            return
        process = self._started[key] = _Process(anyio.CancelScope())
        name = f"{pod.namespace}/{pod.name}: kubectl {shlex.join(arguments)}"
        self._group.start_soon(self._run, process, pod, arguments, name=name)

    def exited(self, key: ProcessKey) -> Exited | None:
        """How the process ended; None while it runs or if it never was started."""
        process = self._started.get(key)
        return process.exited if process else None

    def kill(self, pod_uid: str) -> None:
        """Stop everything a pod is running."""
        for key, process in self._started.items():
            if key.pod_uid == pod_uid:
                process.scope.cancel()

    def forget(self, pod_uid: str) -> None:
        """Stop everything a pod is running and drop what is known of it: the pod is gone."""
        self.kill(pod_uid)
        self._started = {key: process for key, process in self._started.items() if key.pod_uid != pod_uid}

    async def _run(self, process: _Process, pod: Pod, arguments: Sequence[str]) -> None:
        with process.scope:
            done = await kubectl(self._client_of(pod), arguments, namespace=pod.namespace or "default")
            process.exited = Exited(done.exit_code, done.log, current_clock().now())

    def _client_of(self, pod: Pod) -> Client:
        account = pod.spec.service_account_name or "default"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{pod.namespace}", "system:authenticated"]
        return self._client.impersonating(f"system:serviceaccount:{pod.namespace}:{account}", groups)
