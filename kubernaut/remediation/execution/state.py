"""The state of a target in one value, so that a later change by somebody else shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_NOT_STATE = ("apiVersion", "kind", "metadata", "status")


def state_digest(live: Mapping[str, Any]) -> str:
    """`sha256:<hex>` of what people and actions decide about an object: all but its metadata and its status.

    Of a Node without its taints, which controllers add after a cordon.
    """
    state = {key: value for key, value in live.items() if key not in _NOT_STATE}
    if live.get("kind") == "Node" and isinstance(state.get("spec"), Mapping):
        state["spec"] = {key: value for key, value in state["spec"].items() if key != "taints"}
    canonical = json.dumps(state, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
