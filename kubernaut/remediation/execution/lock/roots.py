"""Which object an action is really about: a pod stands for the Deployment it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.client import Client, NotFound
from kubernaut.resources import AnyResource, ResourceType

CLIMBED = (ResourceType("apps", "v1", "ReplicaSet", "replicasets"), ResourceType("batch", "v1", "Job", "jobs"))
"""Owners that may be owned themselves; every other owner is a root, and its uid is in the reference already."""


async def root_uid(client: Client, target: Mapping[str, Any]) -> str:
    """The uid of the outermost controller of an object, by its controller references; its own where it has none.

    An owner that is gone ends the way: what it left behind is its own root then. Raises ApiError.
    """
    metadata: Mapping[str, Any] = target["metadata"]
    for _ in range(len(CLIMBED) + 1):
        owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
        if owner is None:
            break
        kind = _climbed(owner)
        if kind is None:
            return str(owner["uid"])
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        try:
            found = (await client.get(model, owner["name"], namespace=metadata.get("namespace"))).to_dict()
        except NotFound:
            break
        if found["metadata"]["uid"] != owner["uid"]:
            break
        metadata = found["metadata"]
    return str(metadata["uid"])


def _climbed(owner: Mapping[str, Any]) -> ResourceType | None:
    group = str(owner.get("apiVersion", "")).rpartition("/")[0]
    return next((kind for kind in CLIMBED if (kind.group, kind.kind) == (group, owner.get("kind"))), None)
