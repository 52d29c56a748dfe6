"""Undoing an execution: the inverse, the same checks, and a target that somebody has changed since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.cli.app import app
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.state import state_digest, written_after
from kubernaut.remediation.execution.undoing import NothingToUndo, rollback_of
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace

pytestmark = [pytest.mark.cluster(nodes=1)]

CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
CONFIG = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)
LABELS = {"app": "web"}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
TARGET = {"kind": "Deployment", "namespace": "shop", "name": "web"}


def scale(replicas: int, name: str = "fix", **spec: Any) -> KubernetesExecution:
    body = {"action": "scale-deployment", "target": TARGET, "parameters": {"replicas": replicas}, **spec}
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": body})


async def read(cluster: FakeCluster, name: str) -> KubernetesExecution:
    return await cluster.client.get(KubernetesExecution, name, namespace="shop")


async def replicas(cluster: FakeCluster) -> int | None:
    return (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas


@asynccontextmanager
async def scaled(cluster: FakeCluster) -> AsyncIterator[KubernetesExecution]:
    """The shop, in which `fix` has scaled from 1 to 3."""
    await cluster.load(crds())
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await cluster.client.create(Deployment.from_dict(WEB))
    async with cluster.running(executions(CONFIG)):
        await cluster.client.create(scale(3))
        await cluster.settled()
        done = await read(cluster, "fix")
        assert done.status.phase == "rollback_ready"
        yield done


async def test_the_inverse_goes_through_the_same_checks_and_restores_what_was(cluster: FakeCluster) -> None:
    async with scaled(cluster) as done:
        inverse = rollback_of(done)
        assert inverse.name == "fix-rollback"
        await cluster.client.create(inverse)
        await cluster.settled()
        undone = await read(cluster, "fix-rollback")
        assert undone.status.phase == "rollback_ready"
        assert undone.status.validation_results and undone.status.validation_results.rbac_validation
        assert await replicas(cluster) == 1
        # The way back has a way back.
        await cluster.client.create(rollback_of(undone))
        await cluster.settled()
        assert await replicas(cluster) == 3


async def test_a_target_that_was_changed_since_is_left_alone_unless_forced(cluster: FakeCluster) -> None:
    async with scaled(cluster) as done:
        await cluster.client.patch(Deployment, "web", MergePatch({"spec": {"replicas": 7}}), namespace="shop")
        await cluster.settled()
        await cluster.client.create(rollback_of(done))
        await cluster.settled()
        refused = (await read(cluster, "fix-rollback")).status
        assert (refused.phase, refused.reason) == ("failed", "TargetChanged")
        assert await replicas(cluster) == 7
        await cluster.client.create(rollback_of(done, force=True))
        await cluster.settled()
        assert (await read(cluster, "fix-rollback-forced")).status.phase == "rollback_ready"
        assert await replicas(cluster) == 1


async def test_a_label_of_a_person_s_counts_as_a_change_and_one_of_kubernetes_does_not(cluster: FakeCluster) -> None:
    async with scaled(cluster) as done:
        for key, phase in (("deployment.kubernetes.io/desired", "rollback_ready"), ("example.com/tier", "failed")):
            patch = MergePatch({"metadata": {"annotations": {key: "x"}}})
            await cluster.client.patch(Deployment, "web", patch, namespace="shop")
            await cluster.client.create(rollback_of(done))
            await cluster.settled()
            assert (await read(cluster, "fix-rollback")).status.phase == phase
            await cluster.client.delete(KubernetesExecution, "fix-rollback", namespace="shop")
            await cluster.settled()


async def test_a_change_while_the_manager_was_away_is_not_taken_for_the_action_s(cluster: FakeCluster) -> None:
    ended = datetime(2024, 1, 1, 12, tzinfo=UTC)

    def live(*entries: dict[str, str]) -> dict[str, Any]:
        return {"metadata": {"managedFields": list(entries)}}

    action = {"manager": "kubectl", "time": "2024-01-01T12:00:00Z"}
    assert not written_after(live(action), ended)
    assert written_after(live(action, {"manager": "kubectl-edit", "time": "2024-01-01T12:00:05Z"}), ended)
    later = {"time": "2024-01-01T12:00:05Z"}
    assert not written_after(live({**later, "manager": "kubelet", "subresource": "status"}), ended)
    assert not written_after(live({**later, "manager": "kube-controller-manager"}), ended)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"parameters": {"replicas": 50}}, "this is not what fix recorded"),
        ({"rollbackOf": {"name": "fix", "namespace": "elsewhere"}}, "must be shop, the execution's own"),
        ({"rollbackOf": {"name": "fox"}}, "execution shop/fox does not exist"),
        ({"rollbackOf": {"name": "fix", "uid": "another"}}, "fix is another execution than the one that is meant"),
    ],
)
async def test_what_the_original_did_not_record_is_refused(
    cluster: FakeCluster, changed: dict[str, Any], problem: str
) -> None:
    async with scaled(cluster):
        spec = {"rollbackOf": {"name": "fix"}, **changed}
        await cluster.client.create(scale(spec.pop("parameters", {"replicas": 1})["replicas"], "undo", **spec))
        await cluster.settled()
        status = (await read(cluster, "undo")).status
        assert (status.phase, status.reason) == ("failed", "RollbackInvalid")
        assert status.message and problem in status.message


def test_an_execution_that_left_nothing_to_undo_says_so() -> None:
    with pytest.raises(NothingToUndo, match="fix has nothing to roll back: its phase is none"):
        rollback_of(scale(3))
    long = scale(3, "x" * 253)
    long.status.phase = "rollback_ready"
    long.status.rollback_information = KubernetesExecution.from_dict(
        {
            "metadata": {"name": "x"},
            "spec": scale(3).spec.to_dict(),
            "status": {"rollbackInformation": {"available": True, "action": "scale-deployment", "target": TARGET}},
        }
    ).status.rollback_information
    assert len(rollback_of(long).name) == 253


def test_a_digest_leaves_out_what_controllers_write() -> None:
    node = {"kind": "Node", "metadata": {"resourceVersion": "1"}, "spec": {"unschedulable": True}, "status": {}}
    tainted = {**node, "metadata": {"resourceVersion": "2"}, "spec": {**node["spec"], "taints": [{"key": "x"}]}}  # type: ignore[dict-item]
    assert state_digest(node) == state_digest(tainted)
    assert state_digest(node) != state_digest({**node, "spec": {}})


def test_the_command_undoes_and_tells(tmp_path: Path) -> None:
    import asyncio

    async def main() -> list[Any]:
        async with FakeCluster(nodes=1) as cluster, scaled(cluster), cluster.serve():
            config = str(cluster.kubeconfig(tmp_path / "config"))
            runs = []
            for arguments in (["fix"], ["fix"], ["nobody"]):
                command = ["rollback", *arguments, "-n", "shop", "--kubeconfig", config]
                runs.append(await asyncio.to_thread(CliRunner().invoke, app, command))
            assert await replicas(cluster) == 1
            return runs

    done, again, nobody = asyncio.run(main())
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "fix-rollback: scale-deployment Deployment web"
    assert done.stdout.splitlines()[-1] == "  rollback_ready"
    assert (again.exit_code, nobody.exit_code) == (1, 1)
    assert "fix-rollback is there already" in again.stderr
    assert "namespace shop has no execution 'nobody'" in nobody.stderr


def test_the_command_says_so_when_what_it_waits_for_is_deleted() -> None:
    import asyncio

    from kubernaut.cli.calling import Refused
    from kubernaut.cli.rollback.command import _followed

    async def main() -> None:
        async with FakeCluster() as cluster:
            await cluster.load(crds())
            with pytest.raises(Refused, match="fix was deleted; it was not begun when it was last seen"):
                await _followed(cluster.client, scale(3))

    asyncio.run(main())
