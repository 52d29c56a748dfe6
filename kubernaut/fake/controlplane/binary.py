"""Runs the real kubectl against the cluster, served on loopback while the command runs."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubernaut.client import ApiError, Client
from kubernaut.fake.controlplane.kubectl import Completed
from kubernaut.fake.controlplane.kubectl.volumes import mounted_files
from kubernaut.reconcile.serving import HttpServer
from kubernaut.reconcile.serving.asgi import App, Receive, Scope, Send
from kubernaut.resources.builtin.core_v1 import Pod, ServiceAccount
from kubernaut.timing import virtual_time

_STEP = 0.02
"""Seconds by which virtual time follows real time while a command runs, so that it can wait for what happens in it."""
_CANNOT_RUN = 127


class Binary:
    """A `Runner` that starts the program at `path` with a token of the pod's ServiceAccount, bound to the pod.

    In real time: in virtual time the clock goes no faster than the machine's while a command runs, and runs of one seed
    need not be alike.
    """

    def __init__(self, path: str | Path, server: App, client: Client) -> None:
        self._path = str(path)
        self._server = server
        self._client = client

    async def run(self, pod: Pod, arguments: Sequence[str]) -> Completed:
        """See `Runner.run`; a program that cannot be started ends with 127."""
        try:
            token = await self._token(pod)
        except ApiError as error:
            return Completed(1, "", f"error: no token for the pod's ServiceAccount: {error.message}\n")
        files = await mounted_files(self._client, pod)
        with tempfile.TemporaryDirectory(prefix="kubernaut-kubectl-") as folder:
            paths = _written(files, Path(folder))
            app = _as_bearer(self._server, token)
            async with HttpServer(app, "127.0.0.1:0", name="kubectl", grace=0.1) as http:
                config = Path(folder) / "config"
                config.write_text(json.dumps(_kubeconfig(http.url, pod.namespace or "default")))
                done = await self._start([_moved(word, paths) for word in arguments], folder, config)
                return Completed(done.exit_code, _named(done.stdout, paths), _named(done.stderr, paths))

    async def _start(self, arguments: Sequence[str], home: str, config: Path) -> Completed:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "KUBECONFIG": str(config)}
        try:
            process = await asyncio.create_subprocess_exec(
                self._path,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd=home,
            )
        except OSError as error:
            return Completed(_CANNOT_RUN, "", f"{self._path}: {error.strerror}\n")
        try:
            stdout, stderr = await _in_real_time(process)
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        return Completed(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    async def _token(self, pod: Pod) -> str:
        path = ServiceAccount.resource_type.path(pod.namespace, pod.spec.service_account_name or "default", "token")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
        answer = await self._client.request("POST", path, body={"spec": {"boundObjectRef": bound}})
        return str(json.loads(answer.body)["status"]["token"])


async def _in_real_time(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """Wait for the process; in virtual time, let as much of that pass as real time does."""
    waiting = asyncio.ensure_future(process.communicate())
    ended = threading.Event()
    waiting.add_done_callback(lambda _: ended.set())
    try:
        if virtual_time() is not None:
            loop = asyncio.get_running_loop()
            while not waiting.done():
                await loop.run_in_executor(None, ended.wait, _STEP)
                if not waiting.done():
                    await asyncio.sleep(_STEP)
        return await waiting
    finally:
        ended.set()
        waiting.cancel()


def _written(files: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Write the pod's files into `folder`; where each is, by its path in the pod."""
    paths: dict[str, str] = {}
    for path, content in files.items():
        place = folder / "root" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        paths[path] = str(place)
    return paths


def _moved(word: str, paths: Mapping[str, str]) -> str:
    flag, equals, value = word.rpartition("=")
    return f"{flag}{equals}{paths.get(value, value)}"


def _named(text: str, paths: Mapping[str, str]) -> str:
    """Messages name the files as the pod knows them."""
    for path, place in paths.items():
        text = text.replace(place, path)
    return text


def _as_bearer(app: App, token: str) -> App:
    """The server for one user: kubectl sends a token of a kubeconfig over TLS only."""
    header = (b"authorization", f"Bearer {token}".encode())

    async def authenticated(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            others = [pair for pair in scope["headers"] if pair[0].lower() != header[0]]
            scope = {**scope, "headers": [*others, header]}
        await app(scope, receive, send)

    return authenticated


def _kubeconfig(url: str, namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "in-cluster", "cluster": {"server": url}}],
        "users": [{"name": "account", "user": {}}],
        "contexts": [{"name": "pod", "context": {"cluster": "in-cluster", "user": "account", "namespace": namespace}}],
        "current-context": "pod",
    }
