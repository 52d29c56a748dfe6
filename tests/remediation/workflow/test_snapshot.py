"""The snapshot of a failure: bounded, and without what Secrets hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.remediation.workflow.snapshot import RESOURCE, resource_text
from kubernaut.resources.builtin.apps_v1 import Deployment
from tests.remediation.workflow.shop import carry_out, failing, running, scale, scripted

HEAD: dict[str, Any] = {"apiVersion": "v1", "metadata": {"name": "x", "uid": "u", "managedFields": [{"a": "b"}]}}


def test_environment_variables_command_lines_annotations_and_opaque_data_are_not_in_it() -> None:
    container = {
        "name": "web",
        "env": [{"name": "MODE", "value": "plain-hunter2"}, {"name": "X", "valueFrom": {"a": 1}}],
    }
    args = ["--password=hunter2", "--verbose"]
    probe = {
        "exec": {"command": ["run-it", "hunter2"]},
        "httpGet": {"httpHeaders": [{"name": "X", "value": "hunter2"}]},
    }
    full = {**container, "args": args, "command": ["run-it"], "livenessProbe": probe}
    template = {"metadata": {"annotations": {"x/internal": "hunter2"}}, "spec": {"containers": [full]}}
    spec = {"template": template, "data": {"k": "hunter2"}}
    text = resource_text({**HEAD, "kind": "Deployment", "spec": spec, "status": {"replicas": 1}})
    assert not any(word in text for word in ("hunter2", "managedFields", "--verbose", "internal", "run-it"))
    found = json.loads(text)
    assert found["status"] == {"replicas": 1}
    assert found["spec"]["template"]["spec"]["containers"][0]["env"][1] == {"name": "X", "valueFrom": {"a": 1}}


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_what_has_neither_spec_nor_status_is_told_by_its_name_alone(kind: str) -> None:
    live = {**HEAD, "kind": kind, "data": {"password": "aHVudGVyMg=="}, "stringData": {"a": "hunter2"}}
    assert json.loads(resource_text(live)) == {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "uid": "u"}}


def test_what_does_not_fit_is_left_out_the_least_telling_first() -> None:
    large = "y" * RESOURCE
    spec, status = {"paused": large}, {"replicas": 1}
    found = json.loads(resource_text({**HEAD, "kind": "Deployment", "spec": spec, "status": status}))
    assert "spec" not in found and found["status"] == status
    assert set(json.loads(resource_text({**HEAD, "kind": "X", "spec": {}, "status": {"a": large}}))) == {
        "apiVersion",
        "kind",
        "metadata",
    }
    labels = {**HEAD, "metadata": {"name": "x", "labels": {"a": large}}, "kind": "X"}
    assert json.loads(resource_text(labels))["metadata"] == {"name": "x"}


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_secrets_in_a_target_and_in_what_an_action_writes_stay_out_of_the_status(cluster: FakeCluster) -> None:
    async with running(cluster):
        env = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "hunter2"}]
        container = {"name": "web", "image": "web:1", "env": env}
        patch = MergePatch({"spec": {"template": {"spec": {"containers": [container]}}}})
        await cluster.client.patch(Deployment, "web", patch, namespace="shop")
        await cluster.settled()
        scripted(cluster, {"heal-0-1": failing("token: hunter2\n" + "long line\n" * 2000)})
        done = await carry_out(cluster, scale("more", 3))
        text = json.dumps(done.to_dict())
        assert done.phase == "failed" and "hunter2" not in text
        assert done.steps[0].output and len(done.steps[0].output) <= 4096
        assert done.execution_snapshot and done.execution_snapshot.resource_snapshot
        assert len(text) < 64 * 1024
