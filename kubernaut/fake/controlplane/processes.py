"""The commands that simulated containers are running right now, each in a task that tells when it has ended."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.fake.controlplane.kubectl import Completed, kubectl
from kubernaut.fake.controlplane.kubectl.volumes import mounted_files
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.timing import current_clock


class ProcessKey(NamedTuple):
    """One start of one container."""

    pod_uid: str
    container: str
    restart: int


@dataclass(frozen=True, slots=True)
class Exited:
    """How a container's program ended; `reason` and `message` where they are not what they always are."""

    exit_code: int
    log: str
    finished_at: datetime
    reason: str | None = None
    message: str | None = None


OnExit = Callable[[ProcessKey, Pod, Exited, Client], Awaitable[None]]
"""Called in the process's task when it has ended by itself."""


class Runner(Protocol):
    """Runs one kubectl command as the ServiceAccount of a pod."""

    async def run(self, pod: Pod, arguments: Sequence[str]) -> Completed:
        """`arguments` come after the word `kubectl`. Never raises for a failed command. Safe to cancel."""
        ...


class Interpreter:
    """Runs commands in the interpreter of kubectl command lines, in virtual time."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(self, pod: Pod, arguments: Sequence[str]) -> Completed:
        account = pod.spec.service_account_name or "default"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{pod.namespace}", "system:authenticated"]
        client = self._client.impersonating(f"system:serviceaccount:{pod.namespace}:{account}", groups)
        files = await mounted_files(self._client, pod)
        return await kubectl(client, arguments, namespace=pod.namespace or "default", files=files)


@dataclass(slots=True)
class _Process:
    scope: anyio.CancelScope


class Processes:
    """Runs kubectl commands as their pods' ServiceAccounts; each start of a container runs at most once."""

    def __init__(self, client: Client, runner: Runner | None = None) -> None:
        self._client = client
        self._runner = runner or Interpreter(client)
        self._group: TaskGroup | None = None
        # By pod; kept until the pod is gone: it is what makes starting twice harmless.
        self._started: dict[str, dict[ProcessKey, _Process]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the tasks of all processes; those still running at the end are cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for uid in reversed(self._started):
                    self.kill(uid)

    def start(self, key: ProcessKey, pod: Pod, arguments: Sequence[str], on_exit: OnExit) -> None:
        """Start a kubectl command; does nothing if this start of the container has begun already."""
        of_pod = self._started.setdefault(key.pod_uid, {})
        if key in of_pod or self._group is None:
            return
        process = of_pod[key] = _Process(anyio.CancelScope())
        name = f"{pod.namespace}/{pod.name}: kubectl {shlex.join(arguments)}"
        self._group.start_soon(self._run, key, process, pod, arguments, on_exit, name=name)

    def kill(self, pod_uid: str) -> None:
        """Stop everything a pod is running."""
        for process in reversed(self._started.get(pod_uid, {}).values()):
            process.scope.cancel()

    def forget(self, pod_uid: str) -> None:
        """Stop everything a pod is running and drop what is known of it: the pod is gone."""
        self.kill(pod_uid)
        self._started.pop(pod_uid, None)

    async def _run(
        self, key: ProcessKey, process: _Process, pod: Pod, arguments: Sequence[str], on_exit: OnExit
    ) -> None:
        with process.scope:
            done = await self._runner.run(pod, arguments)
            await on_exit(key, pod, Exited(done.exit_code, done.log, current_clock().now()), self._client)
