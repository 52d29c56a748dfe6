"""Simulated nodes of a real API server: kubernaut's own scheduler and kubelet, as its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubernaut.client import Client, MergePatch
from kubernaut.fake.controlplane.behaviour import PodBehaviour
from kubernaut.fake.controlplane.kubelet import kubelet
from kubernaut.fake.controlplane.nodes import node, nodes
from kubernaut.fake.controlplane.processes import Processes, Runner
from kubernaut.fake.controlplane.scheduler import scheduler
from kubernaut.fake.controlplane.taints import taint_eviction
from kubernaut.reconcile import Manager
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.testing.clusters.logs import PodLogs

__all__ = ["running_nodes"]


@asynccontextmanager
async def running_nodes(
    client: Client, runner: Runner, behaviour: PodBehaviour, logs: PodLogs, *, count: int, seed: int
) -> AsyncIterator[None]:
    """Create ``count`` nodes and run pods on them while the body runs.

    The nodes are made ready, pods bound to them, started, run by ``behaviour`` and ended; a node's kubelet is at the
    port of ``logs``. Everything else about pods is kube-controller-manager's. Raises ApiError.
    """
    for number in range(1, count + 1):
        await client.create(node(number))
        # Without an address the server would look for the node in the DNS when it is asked for a log.
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": logs.port}},
        }
        await client.patch(Node, f"node-{number}", MergePatch({"status": status}), subresource="status")
    processes = Processes(client, runner)
    manager = Manager(client.managing_as("kubelet"), name="nodes", seed=seed)
    eviction, _ = taint_eviction()  # pods of nodes that are gone are kube-controller-manager's
    manager.add(nodes(), scheduler(), kubelet(processes, behaviour, logs.write), eviction)
    async with processes.running(), manager.running():
        yield
