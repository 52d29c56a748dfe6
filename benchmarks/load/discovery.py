"""What clients ask before they begin: the groups and resources of the load server, and the CRD's own entry."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.load.objects import GROUP, KIND, PLURAL

_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]


def _resource(name: str, kind: str, namespaced: bool = True) -> dict[str, Any]:
    return {"name": name, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind, "verbs": _VERBS}


def _resources(group_version: str, *resources: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list(resources)}


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


_EXTENSIONS = "apiextensions.k8s.io"
_ITEMS = [_resource(PLURAL, KIND), _resource(f"{PLURAL}/status", KIND)]
_CORE = [
    _resource("pods", "Pod"),
    _resource("pods/status", "Pod"),
    _resource("events", "Event"),
    _resource("namespaces", "Namespace", False),
]
_DOCUMENTS: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(GROUP), _group(_EXTENSIONS)]},
    "/api/v1": _resources("v1", *_CORE),
    f"/apis/{GROUP}/v1": _resources(f"{GROUP}/v1", *_ITEMS),
    f"/apis/{GROUP}": {"kind": "APIGroup", "apiVersion": "v1", **_group(GROUP)},
    f"/apis/{_EXTENSIONS}/v1": _resources(
        f"{_EXTENSIONS}/v1", _resource("customresourcedefinitions", "CustomResourceDefinition", False)
    ),
    f"/apis/{_EXTENSIONS}/v1/customresourcedefinitions": {
        "kind": "CustomResourceDefinitionList",
        "apiVersion": f"{_EXTENSIONS}/v1",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    },
    "/api/v1/namespaces": {
        "kind": "NamespaceList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    },
}
DISCOVERY = {path: json.dumps(body).encode() for path, body in _DOCUMENTS.items()}
"""Answers by path."""
