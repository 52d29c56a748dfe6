"""What kubelets do: the executor's pods run their commands, by their accounts; others serve, or cannot be pulled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from kubernaut.client import Client, MergePatch, NotFound
from kubernaut.client.connect import connect
from kubernaut.resources import format_time
from kubernaut.resources.builtin.core_v1 import Pod, Secret

__all__ = ["Kubelet"]

PERIOD = 0.2
SECONDS = 60
JOB = "job-name"
BROKEN = ":broken"
"""The tag of images that cannot be pulled."""


class Kubelet:
    """Runs pods of one namespace in a thread of its own. ``accounts`` are kubeconfigs of ServiceAccounts, by name.

    Of the namespaces ``served`` it only tells how pods are: ready, or waiting for an image that cannot be pulled.
    While ``hold`` is set, what runs does not end. ``ran`` are the Jobs whose command was run, in order.
    """

    def __init__(
        self, kubeconfig: Mapping[str, Any], namespace: str, accounts: Mapping[str, Path], served: Sequence[str] = ()
    ) -> None:
        self.ran: list[str] = []
        self.hold = threading.Event()
        self._kubeconfig, self._namespace, self._accounts = kubeconfig, namespace, accounts
        self._served = tuple(served)
        self._known: dict[str, None] = {}
        self._stop = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kubelet")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        if error is None and self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:
            self._failed = error

    async def _work(self) -> None:
        async with connect(self._kubeconfig) as client, asyncio.TaskGroup() as pods:
            while not self._stop.is_set():
                for pod in await client.list(Pod, namespace=self._namespace):
                    uid = pod.uid or ""
                    if uid not in self._known and pod.status.phase == "Pending":
                        self._known[uid] = None
                        pods.create_task(self._carry_out(client, pod))
                for namespace in self._served:
                    await self._serve(client, namespace)
                await asyncio.sleep(PERIOD)

    async def _serve(self, client: Client, namespace: str) -> None:
        for pod in await client.list(Pod, namespace=namespace):
            uid = pod.uid or ""
            if uid in self._known:
                continue
            self._known[uid] = None
            if (pod.spec.containers[0].image or "").endswith(BROKEN):
                waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
                await self._tell(client, pod, "Pending", {"waiting": waiting})
            else:
                await self._tell(client, pod, "Running", {"running": {"startedAt": _now()}}, ready=True)

    async def _carry_out(self, client: Client, pod: Pod) -> None:
        started = _now()
        await self._tell(client, pod, "Running", {"running": {"startedAt": started}})
        while self.hold.is_set():
            if self._stop.is_set():
                return
            await asyncio.sleep(PERIOD)
        with TemporaryDirectory() as folder:
            code, text = await self._command(pod, await _mounted(client, pod, Path(folder)))
        reason = "Completed" if code == 0 else "Error"
        ended = {"exitCode": code, "reason": reason, "message": text, "startedAt": started, "finishedAt": _now()}
        await self._tell(client, pod, "Failed" if code else "Succeeded", {"terminated": ended})

    async def _command(self, pod: Pod, mounts: Mapping[str, Path]) -> tuple[int, str]:
        self.ran.append((pod.metadata.labels or {})[JOB])
        account = self._accounts[pod.spec.service_account_name or ""]
        command = list(pod.spec.containers[0].command or ())
        for path, folder in mounts.items():
            command = [word.replace(path, str(folder)) for word in command]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"PATH": os.environ["PATH"], "HOME": str(account.parent), "KUBECONFIG": str(account)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def _tell(self, client: Client, pod: Pod, phase: str, state: dict[str, Any], *, ready: bool = False) -> None:
        container = pod.spec.containers[0]
        told = {
            "name": container.name,
            "image": container.image,
            "imageID": "",
            "ready": ready,
            "restartCount": 0,
            "state": state,
        }
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": _now()}
        status = MergePatch({"status": {"phase": phase, "containerStatuses": [told], "conditions": [condition]}})
        # Its owner may have deleted it just now.
        with contextlib.suppress(NotFound):
            await client.patch(Pod, pod.name, status, namespace=pod.namespace, subresource="status")


async def _mounted(client: Client, pod: Pod, folder: Path) -> dict[str, Path]:
    """Where the content of a pod's Secret volumes lies here, by where its container looks for it."""
    spec = pod.to_dict()["spec"]
    secrets = {each["name"]: each["secret"]["secretName"] for each in spec.get("volumes", ()) if "secret" in each}
    found: dict[str, Path] = {}
    for mount in spec["containers"][0].get("volumeMounts", ()):
        if mount["name"] not in secrets:
            continue
        place = found[mount["mountPath"]] = folder / mount["name"]
        place.mkdir()
        secret = await client.get(Secret, secrets[mount["name"]], namespace=pod.namespace)
        for key, value in secret.to_dict()["data"].items():
            (place / key).write_bytes(b64decode(value))
    return found


def _now() -> str:
    return format_time(datetime.now(UTC))
