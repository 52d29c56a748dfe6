"""What kube-controller-manager, the scheduler and the kubelets do, written as ordinary reconcilers."""

from __future__ import annotations

from kubernaut.fake.controlplane.behaviour import PodBehaviour
from kubernaut.fake.controlplane.cronjobs import cron_jobs
from kubernaut.fake.controlplane.daemonsets import daemon_sets
from kubernaut.fake.controlplane.deployments import deployments
from kubernaut.fake.controlplane.disruption import disruption
from kubernaut.fake.controlplane.jobs import jobs
from kubernaut.fake.controlplane.kubelet import LogWriter, kubelet
from kubernaut.fake.controlplane.namespaces import namespaces
from kubernaut.fake.controlplane.nodes import nodes
from kubernaut.fake.controlplane.processes import Processes
from kubernaut.fake.controlplane.replicasets import replica_sets
from kubernaut.fake.controlplane.scheduler import scheduler
from kubernaut.fake.controlplane.serviceaccounts import service_accounts
from kubernaut.fake.controlplane.services import endpoints
from kubernaut.fake.controlplane.statefulsets import stateful_sets
from kubernaut.fake.controlplane.taints import taint_eviction
from kubernaut.fake.controlplane.volumes import volumes
from kubernaut.reconcile import Controller

__all__ = ["controlplane"]


def controlplane(processes: Processes, behaviour: PodBehaviour, write_log: LogWriter) -> list[Controller]:
    """All controllers of a simulated control plane, for one manager.

    `processes` must be running while the manager is: it owns the commands of containers. The garbage collector is no
    controller; it runs beside them.
    """
    return [
        namespaces(),
        *service_accounts(),
        nodes(),
        deployments(),
        replica_sets(),
        stateful_sets(),
        daemon_sets(),
        *jobs(),
        cron_jobs(),
        *endpoints(),
        disruption(),
        *volumes(),
        scheduler(),
        kubelet(processes, behaviour, write_log),
        *taint_eviction(),
    ]
