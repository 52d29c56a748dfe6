"""What an action meets in a cluster: misfits, budgets, crashes between two writes, content that must not be seen."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from kubernaut.client import MergePatch, NotFound
from kubernaut.client.transports.faults import Fault
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Node, Pod, Secret
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget
from tests.actions.cases import CASES, SETTINGS, WEB, Case, budget, manifest, state
from tests.actions.executing import controlled, execute

pytestmark = pytest.mark.virtual_time
EXECUTOR = "kubernaut-executor"


async def test_what_does_not_fit_the_object_fails_and_says_which_field_is_wrong() -> None:
    misfits = {
        "image": Case("update-image", WEB, {"container": "nginx", "image": "web:3"}),
        "revision": Case("rollback-deployment", WEB, {"toRevision": 9}),
        "manifest": Case("apply-manifest", SETTINGS, {"manifest": manifest("other")}),
        "kind": Case("delete-resource", {"kind": "Secret", "namespace": "default", "name": "x"}),
    }
    async with controlled() as cluster:
        before = await state(cluster.client)
        found = {name: (await execute(cluster, name, case)).status for name, case in misfits.items()}
        dry = (await execute(cluster, "dry", misfits["manifest"], dry_run="always")).status
        assert await state(cluster.client) == before
        await cluster.client.patch(Deployment, "web", MergePatch({"spec": {"paused": True}}), namespace="default")
        for name in ("restart-deployment", "rollback-deployment"):
            found[name] = (await execute(cluster, name, CASES[name])).status
        assert not list(await cluster.client.list(Job, namespace=EXECUTOR))
    assert {name: status.reason for name, status in found.items()} == {
        "image": "ParametersInvalid",
        "revision": "ParametersInvalid",
        "manifest": "ParametersInvalid",
        "kind": "TargetInvalid",
        "restart-deployment": "TargetInvalid",
        "rollback-deployment": "TargetInvalid",
    }
    assert found["image"].message == (
        'parameters.container: Deployment default/web has no container "nginx"; it has: main'
    )
    assert found["revision"].message == (
        "parameters.toRevision: Deployment default/web has no revision 9; it has: 1, 2"
    )
    assert "is paused" in (found["restart-deployment"].message or "")
    assert dry.reason == "ParametersInvalid" and dry.phase == "failed"


async def test_a_drain_stays_off_its_node_waits_for_the_budget_and_names_the_pod_that_held_out() -> None:
    async with controlled() as cluster:
        client = cluster.client
        await client.create(budget(2))
        await cluster.settled()
        assert [pod for pod in await client.list(Pod, labels={"app": "web"}) if pod.spec.node_name == "node-1"]
        held = await execute(cluster, "held", CASES["drain-node"], timeout="20s")
        assert held.status.reason == "ActionFailed", held.status.to_dict()
        results = held.status.execution_results
        assert results is not None and "violate the pod's disruption budget" in (results.log_tail or "")
        assert "global timeout reached: 20s" in (results.log_tail or "")
        await client.patch(PodDisruptionBudget, "web", MergePatch({"spec": {"minAvailable": 1}}), namespace="default")
        await client.patch(Node, "node-1", MergePatch({"spec": {"unschedulable": None}}))
        await cluster.settled()
        done = await execute(cluster, "done", CASES["drain-node"])
        assert done.status.phase == "rollback_ready", done.status.to_dict()
        assert not [pod for pod in await client.list(Pod, namespace="default") if pod.spec.node_name == "node-1"]
        runners = list(await client.list(Pod, namespace=EXECUTOR))
        assert runners
        assert all(pod.spec.node_name != "node-1" for pod in runners)


async def test_a_manifest_reaches_the_pod_as_an_immutable_secret_that_goes_with_the_job() -> None:
    case = Case("apply-manifest", SETTINGS, {"manifest": manifest("settings", mode="confidential"), "force": "true"})
    async with controlled() as cluster:
        done = await execute(cluster, "fix", case)
        (job,) = await cluster.client.list(Job, namespace=EXECUTOR)
        secret = await cluster.client.get(Secret, job.name, namespace=EXECUTOR)
        assert secret.immutable
        assert [(owner.kind, owner.uid) for owner in secret.metadata.owner_references] == [("Job", job.uid)]
        document = json.loads(b64decode(secret.data["manifest.json"]))
        live = await cluster.client.get(ConfigMap, "settings", namespace="default")
        assert document["metadata"]["uid"] == live.uid
        assert "confidential" not in str(job.to_dict())
        assert "confidential" not in str(done.status.to_dict())
        await cluster.advance(seconds=320)
        assert not list(await cluster.client.list(Job, namespace=EXECUTOR))
        with pytest.raises(NotFound):
            await cluster.client.get(Secret, job.name, namespace=EXECUTOR)


async def test_a_crash_between_the_job_and_its_secret_runs_the_action_once_all_the_same() -> None:
    async with controlled() as cluster:
        # The first is refused, the second has been made when its answer is lost.
        cluster.faults.add(Fault.status(503), verb="create", resource=Secret, nth=1)
        cluster.faults.add(Fault.answer_lost(5), verb="create", resource=Secret, nth=2)
        done = await execute(cluster, "fix", CASES["delete-resource"])
        assert len(cluster.faults.injected) == 2
        assert done.status.phase == "rollback_ready", done.status.to_dict()
        with pytest.raises(NotFound):
            await cluster.client.get(ConfigMap, "settings", namespace="default")


async def test_logs_are_collected_bounded_and_redacted() -> None:
    async with controlled() as cluster:
        victim = "".join(f"line {number}\n" for number in range(500)) + "password=hunter2\n"
        cluster.server.set_pod_log("default", "victim", "main", victim)
        done = await execute(cluster, "fix", Case("collect-logs", CASES["collect-logs"].target, {"tailLines": 3}))
        assert done.status.phase == "completed"
        results = done.status.execution_results
        assert results is not None
        assert (results.log_tail or "").splitlines() == [
            "[pod/victim/main] line 498",
            "[pod/victim/main] line 499",
            "[pod/victim/main] password=[REDACTED]",
        ]


async def test_what_a_deletion_prints_is_not_kept() -> None:
    async with controlled() as cluster:
        held = MergePatch({"metadata": {"finalizers": ["example.com/hold"]}})
        await cluster.client.patch(ConfigMap, "settings", held, namespace="default")
        done = await execute(cluster, "fix", CASES["delete-resource"])
        results = done.status.execution_results
        assert results is not None and results.success
        assert results.log_tail is None
        live = await cluster.client.get(ConfigMap, "settings", namespace="default")
        assert live.metadata.deletion_timestamp is not None
