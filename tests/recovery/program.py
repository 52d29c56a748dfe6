"""A manager as a process: ``python -m tests.recovery.program KUBECONFIG NAMESPACE PORT LEASE RENEW RETRY``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubernaut.client.connect import connect
from kubernaut.reconcile import CacheOptions, Controller, Manager
from kubernaut.reconcile.process import main
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.widgets import Widget
from tests.recovery.world import CACHE, Keeper, election


@asynccontextmanager
async def program() -> AsyncIterator[Manager]:
    kubeconfig, namespace, port, *seconds = sys.argv[1:]
    lease, renew, retry = (float(each) for each in seconds)
    async with connect(kubeconfig) as client:
        elect = election(namespace, (lease, renew, retry))
        manager = Manager(client, leader_election=elect, health_bind=f"127.0.0.1:{port}", cache=CacheOptions(CACHE))
        manager.add(Controller(Widget, Keeper(), owns=[ConfigMap], namespace=namespace))
        yield manager


if __name__ == "__main__":
    main(program, log_format="json")
