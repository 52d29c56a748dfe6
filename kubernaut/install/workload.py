"""The Deployment that runs the controllers, its configuration, and how many of its pods may be away at once."""

from __future__ import annotations

from typing import Any

from kubernaut.install.features import ServerFeatures
from kubernaut.install.installation import Installation, Manifest

CONFIG_FOLDER, CONFIG_KEY = "/etc/kubernaut", "config.yaml"
CONFIG_FILE = f"{CONFIG_FOLDER}/{CONFIG_KEY}"
"""Where the process finds its configuration file."""
USER = 65532
"""Nobody: no file of the image needs to be its own."""
AFTER_GRACE = 15
"""Seconds beyond the process's own grace, for what follows it: events, servers, the lease."""
TEMPORARY = "16Mi"


def config_of(installation: Installation) -> list[Manifest]:
    """The ConfigMap with the configuration file, if there is one."""
    if installation.config is None:
        return []
    metadata = {"name": installation.config_map, "namespace": installation.namespace, "labels": installation.labels}
    data = {CONFIG_KEY: installation.config}
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}]


def deployment_of(installation: Installation) -> Manifest:
    """Pods that the Pod Security level "restricted" admits, on different nodes where there are several."""
    labels = {**installation.labels, **installation.selector}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": installation.name, "namespace": installation.namespace, "labels": labels},
        "spec": {
            "replicas": installation.replicas,
            "selector": {"matchLabels": installation.selector},
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(installation)},
        },
    }


def disruption_budget_of(installation: Installation, server: ServerFeatures) -> list[Manifest]:
    """One replica stays; none where there is one replica, which nobody could ever evict then."""
    if installation.replicas < 2:
        return []
    spec: Manifest = {"minAvailable": 1, "selector": {"matchLabels": installation.selector}}
    if server.unhealthy_eviction:
        # Pods that are not ready protect nothing, and would keep their nodes from being drained.
        spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    return [
        {
            "apiVersion": "policy/v1" if server.policy_v1 else "policy/v1beta1",
            "kind": "PodDisruptionBudget",
            "metadata": {
                "name": installation.name,
                "namespace": installation.namespace,
                "labels": dict(installation.labels),
            },
            "spec": spec,
        }
    ]


def _pod(installation: Installation) -> Manifest:
    # An in-memory folder: certificates pass through files on their way to TLS, and the root is read-only.
    volumes: list[Manifest] = [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": TEMPORARY}}]
    if installation.config is not None:
        volumes.append({"name": "config", "configMap": {"name": installation.config_map}})
    volumes += [{"name": name, "secret": {"secretName": name}} for name in installation.mounts.values()]
    return {
        "serviceAccountName": installation.name,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(installation.graceful_timeout.total_seconds()) + AFTER_GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread(installation, "kubernetes.io/hostname"),
            _spread(installation, "topology.kubernetes.io/zone"),
        ],
        "containers": [_container(installation)],
        "volumes": volumes,
    }


def _spread(installation: Installation, key: str) -> Manifest:
    """A wish: on a cluster of one node both replicas run."""
    selector = {"matchLabels": installation.selector}
    return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}


def _container(installation: Installation) -> Manifest:
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if installation.config is not None:
        mounts.append({"name": "config", "mountPath": CONFIG_FOLDER})
    mounts += [{"name": name, "mountPath": folder} for folder, name in installation.mounts.items()]
    container: dict[str, Any] = {"name": "controllers", "image": installation.image}
    if installation.command:
        container["command"] = list(installation.command)
    if installation.args:
        container["args"] = list(installation.args)
    container["env"] = [_field("POD_NAME", "metadata.name"), _field("POD_NAMESPACE", "metadata.namespace")]
    if installation.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": installation.secret}}]
    ports = installation.ports
    if ports:
        container["ports"] = [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]
    if "health" in ports:
        container["livenessProbe"] = _probe("/healthz", period=10, failures=6)
        container["readinessProbe"] = _probe("/readyz", period=5, failures=3)
    container["resources"] = {"requests": dict(installation.requests), "limits": dict(installation.limits)}
    container["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container["volumeMounts"] = mounts
    return container


def _field(name: str, path: str) -> Manifest:
    # With its default written out: the reference is one value to the server, and must equal what is stored.
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
