"""DaemonSets: one pod on each node that will have it."""

from kubernaut.fake.controlplane.daemonsets.controller import daemon_sets

__all__ = ["daemon_sets"]
