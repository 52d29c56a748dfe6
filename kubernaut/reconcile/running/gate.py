"""Who may work on which keys, and with which client: everyone, or whoever holds the lease."""

from __future__ import annotations

from typing import Protocol

from kubernaut.client import Client
from kubernaut.reconcile.election import Fence, FencedTransport, Ownership
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.running.cluster import ClusterRun


class Gate(Protocol):
    """Asked before a key is queued and again before it is reconciled."""

    def holds(self, request: Request) -> bool:
        """Whether this process works on the key at present."""
        ...

    def client(self, cluster: ClusterRun, request: Request) -> Client:
        """A client of the cluster for a reconcile of the key."""
        ...


class OpenGate:
    """Without leader election every key is this process's."""

    def holds(self, request: Request) -> bool:
        return True

    def client(self, cluster: ClusterRun, request: Request) -> Client:
        return cluster.client


class LeaderGate:
    """With leader election a key is worked on by whoever holds its share, and writes are fenced by that lease."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        # clients: by cluster and fence. There are as many fences as leases; the objects are kept, so ids stay theirs.
        self._clients: dict[tuple[ClusterRun, Fence], Client] = {}

    def holds(self, request: Request) -> bool:
        return self._ownership.holds(request)

    def client(self, cluster: ClusterRun, request: Request) -> Client:
        fence = self._ownership.fence(request)
        client = self._clients.get((cluster, fence))
        if client is None:
            timeout = self._ownership.write_timeout
            client = cluster.client.through(lambda transport: FencedTransport(transport, fence, timeout))
            self._clients[cluster, fence] = client
        return client

    def forget_cluster(self, cluster: ClusterRun) -> None:
        """Keep no client of a cluster that is gone."""
        for key in [key for key in self._clients if key[0] is cluster]:
            del self._clients[key]
