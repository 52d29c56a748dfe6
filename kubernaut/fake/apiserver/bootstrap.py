"""The RBAC objects and priority classes that every server starts with."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources as package_resources
from typing import Any

from kubernaut.fake.apiserver import meta
from kubernaut.fake.apiserver.storage import Storage, Stored, encode

_GROUP = "rbac.authorization.k8s.io"
_KINDS = {
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
    "roles": "Role",
    "rolebindings": "RoleBinding",
}
_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_UPDATE = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_PRIORITY = (
    ("system-cluster-critical", 2_000_000_000, "can be moved to another node if necessary"),
    ("system-node-critical", 2_000_001_000, "must not be moved from their current node"),
)
_TIME = "2000-01-01T00:00:00Z"
LAST_VERSION = 1


def bootstrap(storage: Storage, now: datetime) -> None:
    """Put the defaults into an empty storage. They are there from the start: no watch tells of them."""
    stamp = meta.stamp(now).encode()
    for kind, objects in _templates().items():
        storage.adopt(kind, [_at(stored, stamp) for stored in objects])


def _at(stored: Stored, stamp: bytes) -> Stored:
    data = stored.data.replace(_TIME.encode(), stamp)
    return Stored(stored.namespace, stored.name, stored.uid, stored.version, data, stored.labels, stored.fields)


@cache
def _templates() -> dict[str, list[Stored]]:
    """Encoded once in a process; servers differ in the time only."""
    found: dict[str, list[Stored]] = {}
    for kind, obj in _objects():
        found.setdefault(kind, []).append(encode(obj, _fields))
    return found


def _fields(obj: Mapping[str, Any]) -> dict[str, str]:
    meta = obj["metadata"]
    return {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace", "")}


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    # recorded from a real 1.20 server, with the rules that later versions added
    packed = package_resources.files("kubernaut.fake.apiserver").joinpath("data/rbac.json.gz").read_bytes()
    recorded: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(packed))
    for plural, entries in recorded.items():
        for entry in entries:
            name, namespace = entry.pop("name"), entry.pop("namespace", "")
            metadata = _metadata(plural, name, namespace)
            metadata["labels"] = {**_LABEL, **entry.pop("labels", {})}
            metadata["annotations"] = _UPDATE
            if plural.endswith("roles") and "rules" not in entry:
                entry["rules"] = None
            kind = {"kind": _KINDS[plural], "apiVersion": f"{_GROUP}/v1"}
            yield f"{_GROUP}/{plural}", {**kind, "metadata": metadata, **entry}
    for name, value, text in _PRIORITY:
        yield (
            "scheduling.k8s.io/priorityclasses",
            {
                "kind": "PriorityClass",
                "apiVersion": "scheduling.k8s.io/v1",
                "metadata": {**_metadata("priorityclasses", name, ""), "generation": 1},
                "value": value,
                "description": f"Used for system critical pods that {text}.",
                "preemptionPolicy": "PreemptLowerPriority",
            },
        )


def _metadata(plural: str, name: str, namespace: str) -> dict[str, Any]:
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"kubernaut-fake/{plural}/{namespace}/{name}"))
    metadata = {"name": name, "uid": uid, "resourceVersion": str(LAST_VERSION), "creationTimestamp": _TIME}
    return {**metadata, "namespace": namespace} if namespace else metadata
