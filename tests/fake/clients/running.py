"""A served fake cluster for clients of other makes, synchronous ones included, and what they all write to it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container

SECONDS = 20
"""After this the server's start or end counts as hanging."""


def _says_hello(pod: Pod, container: Container, restarts: int) -> PodScript:
    return PodScript(log="hello\nworld\n", start_up=timedelta(milliseconds=10))


class Served:
    """A fake cluster with its control plane, served from a thread with an event loop of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, FakeCluster]] = Future()
        self._thread = threading.Thread(target=self._serve, name="served fake cluster")
        self._thread.start()
        self._loop, self._stop, self._cluster = self._started.result(SECONDS)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _run(self) -> None:
        async with FakeCluster(behaviour=_says_hello) as cluster, cluster.serve():
            cluster.kubeconfig(self.kubeconfig)
            stop = asyncio.Event()
            self._started.set_result((asyncio.get_running_loop(), stop, cluster))
            await stop.wait()

    def compact(self) -> None:
        """Forget the history, so that watches from older versions get 410."""

        async def forget() -> None:
            self._cluster.server.compact()

        asyncio.run_coroutine_threadsafe(forget(), self._loop).result(SECONDS)

    def stop(self) -> None:
        """End it, open watches included."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


def definition(group: str) -> dict[str, Any]:
    """The CRD of Gadgets of a group: a status of their own, a default and a limit."""
    size = {"type": "integer", "minimum": 0, "default": 1}
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": size, "colour": {"type": "string"}}},
            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [version],
        },
    }


def gadget(group: str, namespace: str, name: str, **labels: str) -> dict[str, Any]:
    """A Gadget that leaves its size to the default."""
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Gadget",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"colour": "red"},
    }


def config_map(namespace: str, name: str, value: str = "1", **labels: str) -> dict[str, Any]:
    """A ConfigMap with one key."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": {"key": value},
    }


def deployment(namespace: str, name: str, replicas: int = 2) -> dict[str, Any]:
    """A Deployment of pods that write `hello` and `world`."""
    container = {"name": "main", "image": "nginx:1"}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
