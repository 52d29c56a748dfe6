"""Which object an action is really about: a pod stands for the Deployment it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.client import Client, NotFound
from kubernaut.resources import AnyResource, ResourceType

CLIMBED = (
    ResourceType("apps", "v1", "DaemonSet", "daemonsets"),
    ResourceType("apps", "v1", "Deployment", "deployments"),
    ResourceType("apps", "v1", "ReplicaSet", "replicasets"),
    ResourceType("apps", "v1", "StatefulSet", "statefulsets"),
    ResourceType("batch", "v1", "CronJob", "cronjobs"),
    ResourceType("batch", "v1", "Job", "jobs"),
)
"""Owners that are looked up: whoever may write an object may write any uid into its references."""
_DEPTH = 4


async def root_uid(client: Client, target: Mapping[str, Any]) -> str:
    """The uid of an object's root, see `root_of`. Raises ApiError."""
    return str((await root_of(client, target))["metadata"]["uid"])


async def root_of(client: Client, target: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outermost controller of an object, by its controller references; itself where it has none.

    An owner that does not exist with that uid, or is of a kind that is not looked up, ends the way: what refers to it
    is its own root. Raises ApiError.
    """
    root = target
    for _ in range(_DEPTH):
        metadata = root["metadata"]
        owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
        kind = None if owner is None else _climbed(owner)
        if owner is None or kind is None:
            break
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        try:
            found = (await client.get(model, owner["name"], namespace=metadata.get("namespace"))).to_dict()
        except NotFound:
            break
        if found["metadata"]["uid"] != owner["uid"]:
            break
        root = found
    return root


def _climbed(owner: Mapping[str, Any]) -> ResourceType | None:
    group = str(owner.get("apiVersion", "")).rpartition("/")[0]
    return next((kind for kind in CLIMBED if (kind.group, kind.kind) == (group, owner.get("kind"))), None)
