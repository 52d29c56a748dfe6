"""Metadata of custom resources that are not of their types: what a real server answers with 400."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.client import BadRequest
from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution import KubernetesExecution, crds

WRONG: list[Any] = [
    {"name": 5},
    {"name": ["a"]},
    {"name": True},
    {"name": {}, "generateName": "a"},
    {"generateName": 5},
    {"name": "x", "labels": 5},
    {"name": "x", "labels": {"a": 5}},
    {"name": "x", "annotations": []},
    {"name": "x", "finalizers": "a"},
    {"name": "x", "ownerReferences": [5]},
    {"name": "x", "generation": "a"},
    [],
    "x",
    5,
]
SPEC = {"action": "cordon-node", "target": {"kind": "Node", "name": "n"}}


@pytest.mark.virtual_time
@pytest.mark.cluster(controlplane=False)
@pytest.mark.parametrize("metadata", WRONG, ids=str)
async def test_metadata_of_wrong_types_are_a_bad_request(cluster: FakeCluster, metadata: Any) -> None:
    await cluster.load(crds())
    rt = KubernetesExecution.resource_type
    body = {"apiVersion": rt.api_version, "kind": rt.kind, "metadata": metadata, "spec": SPEC}
    with pytest.raises(BadRequest, match="cannot be handled as a KubernetesExecution: "):
        await cluster.client.request("POST", rt.path("default"), body=body)
