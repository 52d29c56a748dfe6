"""The state of a target in one value, so that a later change by somebody else shows."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

_NOT_STATE = ("apiVersion", "kind", "metadata", "status")
_OF_KUBERNETES = ("kubernetes.io", "k8s.io")
_CONTROLLERS = "kube-controller-manager"
UNKNOWN = "unknown"
"""In place of a digest: somebody wrote the target between the action and the look at it. It equals no state."""


def state_digest(live: Mapping[str, Any], *, key: bytes = b"") -> str:
    """What people and actions decide about an object, all but its status and what controllers note, as one value.

    `sha256:<hex>`; with a key, `hmac-sha256:<hex>`: a plain digest of a short secret can be found by trying. Of the
    metadata count labels and annotations that are not Kubernetes' own, finalizers, and owners. Of a Node the taints do
    not, which controllers add after a cordon.
    """
    state = {key: value for key, value in live.items() if key not in _NOT_STATE}
    if live.get("kind") == "Node" and isinstance(state.get("spec"), Mapping):
        state["spec"] = {key: value for key, value in state["spec"].items() if key != "taints"}
    state["metadata"] = _metadata(live.get("metadata") or {})
    canonical = json.dumps(state, sort_keys=True, separators=(",", ":"), default=str)
    if key:
        return "hmac-sha256:" + hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def written_after(live: Mapping[str, Any], ended: datetime) -> bool:
    """Whether somebody wrote the object after that time, as its managedFields tell; its status does not count.

    Times there are whole seconds. Kubernetes' own controllers, which note revisions, do not count either.
    """
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        if entry.get("subresource") == "status" or entry.get("manager") == _CONTROLLERS or not entry.get("time"):
            continue
        if datetime.fromisoformat(entry["time"]) > ended + timedelta(seconds=1):
            return True
    return False


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    owners = [owner.get("uid") for owner in metadata.get("ownerReferences") or ()]
    return {
        "labels": _own(metadata.get("labels") or {}),
        "annotations": _own(metadata.get("annotations") or {}),
        "finalizers": sorted(metadata.get("finalizers") or ()),
        "owners": sorted(str(uid) for uid in owners),
    }


def _own(notes: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in notes.items() if not _of_kubernetes(key)}


def _of_kubernetes(key: str) -> bool:
    prefix = key.partition("/")[0] if "/" in key else ""
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in _OF_KUBERNETES)
