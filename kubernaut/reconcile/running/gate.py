"""Who may work on which keys, and with which client: everyone, or whoever holds the lease."""

from __future__ import annotations

from typing import Protocol

from kubernaut.client import Client
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
