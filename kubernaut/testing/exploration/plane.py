"""FakeCluster's whole control plane beside an operator under test: faithful, and as slow as what it does."""

from __future__ import annotations

import anyio

from kubernaut.client import Client
from kubernaut.fake.controlplane import controlplane
from kubernaut.fake.controlplane.gc import GarbageCollector
from kubernaut.fake.controlplane.processes import Processes
from kubernaut.reconcile import Manager
from kubernaut.testing.exploration.link import PersonLink
from kubernaut.testing.exploration.site import Site

__all__ = ["run_control_plane"]

ACTOR = "control-plane"


async def run_control_plane(site: Site) -> None:
    """Run it until cancelled. No fault strikes it."""
    client = Client(PersonLink(site, ACTOR), field_manager="kube-controller-manager", user_agent=ACTOR)
    processes = Processes(client, None)
    manager = Manager(client, name="kube-controller-manager", seed=0)
    manager.add(*controlplane(processes, lambda pod, container, restarts: None, site.server.set_pod_log))
    async with processes.running(), manager.running(), anyio.create_task_group() as group:
        group.start_soon(GarbageCollector(client).run, name="gc")
        await anyio.sleep_forever()
