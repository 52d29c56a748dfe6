"""`python -m benchmarks.micro.bodies items|pods|configmaps COUNT`: what is created, one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.load.objects import NAMESPACE as NAMESPACE
from benchmarks.load.objects import Recorded, items, pods

STORED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
"""What a server gives: a create does not bring it along."""
LOADED = "load-"
"""What the names of configmaps begin with."""


def _unstored(recorded: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in recorded["metadata"].items() if name not in STORED}
    return {**{name: recorded[name] for name in ("apiVersion", "kind", "spec")}, "metadata": metadata}


def _configmap(recorded: dict[str, Any]) -> dict[str, Any]:
    """As large as an item; a built-in kind is what a real server does best, and needs no CRD."""
    item = _unstored(recorded)
    metadata = {**item["metadata"], "namespace": "default", "name": LOADED + item["metadata"]["name"]}
    rules = {rule["name"]: json.dumps(rule) for rule in item["spec"]["rules"]}
    data = {"description": item["spec"]["description"], **rules}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


Body = Callable[[dict[str, Any]], dict[str, Any]]
KINDS: Mapping[str, tuple[Callable[[int], list[Recorded]], Body]] = {
    "items": (items, _unstored),
    "pods": (pods, _unstored),
    "configmaps": (items, _configmap),
}


def bodies(kind: str, count: int) -> list[bytes]:
    """The same for the same count."""
    recorded, body = KINDS[kind]
    made = (body(json.loads(each.encoded())) for each in recorded(count))
    return [json.dumps(each, separators=(",", ":")).encode() for each in made]


if __name__ == "__main__":
    for line in bodies(sys.argv[1], int(sys.argv[2])):
        print(line.decode())
