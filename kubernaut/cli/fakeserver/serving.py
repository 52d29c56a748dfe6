"""One served cluster, in real time, from its start to the signal that ends it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import anyio

from kubernaut.cli.fakeserver.files import give
from kubernaut.cli.manifests import Manifest
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.fake.controlplane.behaviour import default_script, kubectl_arguments
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container

START_UP = timedelta(milliseconds=100)
"""From being scheduled to running: people wait for it."""


@dataclass(frozen=True, slots=True)
class Served:
    """What to serve and where."""

    port: int = 0
    kubeconfig: Path | None = None
    manifests: Sequence[Manifest] = ()
    controlplane: bool = True
    rbac: bool = False


async def serve(options: Served, tell: Callable[[str], None]) -> None:
    """Serve until cancelled. `tell` is given the lines for people, the address first.

    Without a path for it the kubeconfig is written into a folder that goes at the end.

    Raises:
        InputError: an object that the server refused.
        BindError, ForeignKubeconfig, OSError: nothing can be served, or written, there.
    """
    with ExitStack() as stack:
        path = options.kubeconfig
        if path is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubernaut-"))) / "kubeconfig"
        cluster = FakeCluster(controlplane=options.controlplane, rbac=options.rbac, behaviour=quick)
        async with cluster, cluster.serve(options.port) as url:
            invented = await give(cluster, options.manifests)
            cluster.kubeconfig(path)
            tell(f"serving a fake cluster at {url}")
            tell(f"export KUBECONFIG={path}")
            for name in invented:
                tell(f"no definition {name} was given; one that takes everything is used")
            await anyio.sleep_forever()


def quick(pod: Pod, container: Container, restarts: int) -> PodScript | None:
    """A PodBehaviour: containers do what they do by default, and start sooner."""
    if kubectl_arguments(container) is not None:
        return None
    return replace(default_script(pod, container), start_up=START_UP)
