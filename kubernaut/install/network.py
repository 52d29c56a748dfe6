"""How the process can be reached: Services, and a NetworkPolicy that lets nothing else in."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.install.installation import Installation, Manifest
from kubernaut.install.names import WEBHOOK_PORT, metrics_service, webhook_service


def services_of(installation: Installation) -> list[Manifest]:
    """One for the metrics, one for the webhooks, one for all else; those that are served. Probes need none."""
    found = []
    if installation.listens:
        found.append(_service(installation, installation.name, installation.listens))
    if installation.metrics_port is not None:
        served = {"metrics": installation.metrics_port}
        found.append(_service(installation, metrics_service(installation.name), served))
    if installation.webhooks:
        found.append(_service(installation, webhook_service(installation.name), {"webhooks": WEBHOOK_PORT}))
    return found


def network_policy_of(installation: Installation) -> Manifest:
    """Lets in what comes for a port that is served, from anywhere, and nothing else; lets everything out.

    The kubelet's probes and the API server's calls come from addresses that selectors cannot name on every cluster, and
    neither can the API server's own address: a policy for egress would have to be written for each cluster.
    """
    ports = [{"port": name, "protocol": "TCP"} for name in installation.ports]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(installation, installation.name),
        "spec": {
            "podSelector": {"matchLabels": installation.selector},
            "policyTypes": ["Ingress"],
            **({"ingress": [{"ports": ports}]} if ports else {}),
        },
    }


def closed_namespace(name: str, namespace: str) -> Manifest:
    """A NetworkPolicy that lets nobody reach the pods of a namespace, which serve nothing."""
    labels = {"app.kubernetes.io/managed-by": "kubernaut"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }


def _service(installation: Installation, name: str, served: Mapping[str, int]) -> Manifest:
    ports = [{"name": each, "port": port, "protocol": "TCP", "targetPort": each} for each, port in served.items()]
    spec = {"selector": installation.selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(installation, name), "spec": spec}


def _meta(installation: Installation, name: str) -> Manifest:
    return {"name": name, "namespace": installation.namespace, "labels": dict(installation.labels)}
