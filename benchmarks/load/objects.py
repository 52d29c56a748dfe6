"""The recorded objects: custom resources of about 3.2 KB and Pods of about 8 KB, as JSON bytes that take a version."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

GROUP, PLURAL, KIND = "bench.kubernaut.io", "items", "Item"
NAMESPACE = "bench"
_VERSION = "__VERSION__"
_STATUS = "__STATUS__"


@dataclass(slots=True)
class Recorded:
    """One object in pieces, so that a new version or status costs no encoding."""

    name: str
    head: bytes
    tail: bytes
    version: int
    status: bytes

    def encoded(self) -> bytes:
        return self.at(self.version, self.status)

    def at(self, version: int, status: bytes) -> bytes:
        """As it would be."""
        return b"%s%d%s%s}" % (self.head, version, self.tail, status)


def items(count: int) -> list[Recorded]:
    """Custom resources."""
    chance = random.Random(1)
    return [_recorded(_item(number, chance), number) for number in range(count)]


def pods(count: int) -> list[Recorded]:
    """Pods, as a cluster with a few sidecars has them."""
    chance = random.Random(2)
    return [_recorded(_pod(number, chance), number) for number in range(count)]


def _recorded(body: dict[str, Any], number: int) -> Recorded:
    status = body.pop("status")
    body["metadata"]["resourceVersion"] = _VERSION
    text = msgspec.json.encode({**body, "status": _STATUS})
    head, _, rest = text.partition(_VERSION.encode())
    tail, _, _ = rest.partition(f'"{_STATUS}"'.encode())
    return Recorded(body["metadata"]["name"], head, tail, number + 1, msgspec.json.encode(status))


def _managed_fields() -> msgspec.Raw:
    fields: dict[str, Any] = {f"f:field{each}": {"f:value": {}, "f:unit": {}} for each in range(12)}
    entry = {
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "apiVersion": f"{GROUP}/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}, "f:team": {}}}, "f:spec": fields},
    }
    return msgspec.Raw(msgspec.json.encode([entry]))


# The same for every object; encoded once, because hundreds of thousands are made.
_MANAGED_FIELDS = _managed_fields()


def _metadata(number: int, prefix: str, chance: random.Random) -> dict[str, Any]:
    return {
        "name": f"{prefix}-{number:06d}",
        "namespace": NAMESPACE,
        "uid": str(UUID(int=chance.getrandbits(128))),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": f"app-{number % 100}", "team": f"team-{number % 7}", "tier": "backend"},
        "annotations": {"example.com/checksum": f"{chance.getrandbits(256):064x}", "example.com/owner": "platform"},
        "managedFields": _MANAGED_FIELDS,
    }


def _item(number: int, chance: random.Random) -> dict[str, Any]:
    rules = [
        {
            "name": f"rule-{each}",
            "host": f"{chance.getrandbits(32):08x}.example.com",
            "paths": [f"/api/v{part}/{chance.getrandbits(40):010x}" for part in range(4)],
            "weight": chance.randrange(100),
            "enabled": bool(chance.getrandbits(1)),
        }
        for each in range(8)
    ]
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": _metadata(number, "item", chance),
        "spec": {"size": number % 10, "description": f"{chance.getrandbits(2400):0600x}", "rules": rules},
        "status": {"phase": "", "observedSize": 0, "observedGeneration": 1},
    }


def _pod(number: int, chance: random.Random) -> dict[str, Any]:
    def container(name: str) -> dict[str, Any]:
        env = [{"name": f"SETTING_{each}", "value": f"{chance.getrandbits(96):024x}"} for each in range(14)]
        return {
            "name": name,
            "image": f"registry.example.com/{name}:v1.{number % 10}",
            "args": [f"--option-{each}={chance.getrandbits(64):016x}" for each in range(6)],
            "env": env,
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "data", "mountPath": "/data"}],
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 5},
            "imagePullPolicy": "IfNotPresent",
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }

    names = ["main", "proxy", "agent"]
    metadata = _metadata(number, "pod", chance)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"app-{number % 100}", "controller": True}
    metadata["ownerReferences"] = [{**owner, "uid": str(UUID(int=number % 100)), "blockOwnerDeletion": True}]
    statuses = [
        {
            "name": name,
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": f"registry.example.com/{name}:v1.{number % 10}",
            "imageID": f"registry.example.com/{name}@sha256:{chance.getrandbits(256):064x}",
            "containerID": f"containerd://{chance.getrandbits(256):064x}",
            "state": {"running": {"startedAt": "2026-01-01T00:00:10Z"}},
        }
        for name in names
    ]
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    when = "2026-01-01T00:00:10Z"
    conditions = [{"type": each, "status": "True", "lastProbeTime": None, "lastTransitionTime": when} for each in kinds]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "containers": [container(name) for name in names],
            "volumes": [{"name": "config", "configMap": {"name": "config"}}, {"name": "data", "emptyDir": {}}],
            "nodeName": f"node-{number % 50}",
            "serviceAccountName": "default",
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        },
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": conditions, "containerStatuses": statuses},
    }
