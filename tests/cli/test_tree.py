"""`kubernaut tree`: of what a cluster has, finished and waiting, and of objects that are not as they should be."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.cli.calling import Refused
from kubernaut.cli.demo.machinery import Machinery
from kubernaut.cli.demo.playing import by_image, data_file
from kubernaut.cli.demo.scenarios.rollout import BROKEN, CRASHING, break_it
from kubernaut.cli.demo.stage import opened
from kubernaut.cli.demo.watching import Watcher
from kubernaut.cli.tree.drawing import drawn
from kubernaut.cli.tree.growing import grown
from kubernaut.cli.tree.model import Branch
from kubernaut.cli.tree.reading import Root, read
from kubernaut.client import Client, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.remediation.analysis import AIAnalysis
from kubernaut.remediation.approval import ApprovalRequest, Decision
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.processing import RemediationProcessing
from kubernaut.remediation.request import RemediationRequest
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import Resource
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.testing.virtualtime import run_virtual
from kubernaut.timing import current_clock

KINDS: tuple[type[Any], ...] = (
    RemediationRequest,
    RemediationProcessing,
    AIAnalysis,
    WorkflowExecution,
    KubernetesExecution,
    ApprovalRequest,
)
TARGET = {"kind": "Deployment", "namespace": "shop", "name": "web"}


# Of a story that the controllers played.


async def story() -> tuple[Branch, Branch]:
    """The tree of the default scenario's request while it waits for the approval, and when it has ended."""
    machinery = Machinery(careful=True)
    async with FakeCluster(rbac=True, behaviour=by_image({BROKEN: CRASHING})) as cluster:
        await cluster.load(machinery.objects(whole=True))
        await cluster.load([each.body for each in data_file("cluster.yaml")])
        watcher = Watcher(lambda entry: None, machinery.executor_namespace)
        async with opened(cluster, machinery, watcher) as stage:
            await break_it(stage)
            await stage.until_phase("ApprovalRequest", "pending")
            await stage.wait(minutes=3)
            name = await stage.until_phase("RemediationRequest", "executing")
            root = Root(RemediationRequest, name)

            async def look() -> Branch:
                found = await read(cluster.client, root, "production", machinery.executor_namespace)
                assert found.notes == []
                return grown(found.root, found.others, current_clock().now())

            waiting = await look()
            await stage.decide(Decision.APPROVED, "bob", "go", after_minutes=0)
            await stage.until_ended()
            return waiting, await look()


@pytest.fixture(scope="module")
def trees() -> tuple[Branch, Branch]:
    return run_virtual(story)


def kinds(branch: Branch) -> dict[str, str]:
    return {each.kind: each.phase for each in branch.all()}


def test_a_request_that_waits_shows_for_what(trees: tuple[Branch, Branch]) -> None:
    waiting, _ = trees
    assert kinds(waiting) == {
        "RemediationRequest": "executing",
        "RemediationProcessing": "completed",
        "AIAnalysis": "completed",
        "WorkflowExecution": "executing",
        "KubernetesExecution": "validated",
        "ApprovalRequest": "pending",
    }
    [approval] = [each for each in waiting.all() if each.kind == "ApprovalRequest"]
    assert approval.ended is None and approval.lasted is not None
    assert approval.lasted >= timedelta(minutes=3)
    assert approval.details["asks for"].startswith("rollback-deployment Deployment api-server in production")
    assert approval.details["required by"].startswith("2024-01-01T01:")
    last = waiting.passed[-1].duration
    assert last is not None and last >= timedelta(minutes=3)


def test_a_request_that_has_ended_shows_what_was_done(trees: tuple[Branch, Branch]) -> None:
    _, ended = trees
    assert [(each.kind, each.phase) for each in ended.all()] == [
        ("RemediationRequest", "completed"),
        ("RemediationProcessing", "completed"),
        ("AIAnalysis", "completed"),
        ("WorkflowExecution", "completed"),
        ("KubernetesExecution", "rollback_ready"),
        ("ApprovalRequest", "approved"),
        ("Job", "completed"),
    ]
    assert (ended.reason, ended.passed[-1].duration) == ("Remediated", None)
    text = shown(ended)
    assert "decided by: bob (go)" in text
    assert "analyzer: rules, rule/crash-loop-after-rollout" in text
    assert "way back: rollback-deployment Deployment production/api-server toRevision=2" in text
    assert re.search(r"executing 3m \d+s  verifying 30s  completed", text)


def shown(branch: Branch, **options: Any) -> str:
    output = io.StringIO()
    Console(file=output, width=10_000).print(drawn(branch, **options))
    return output.getvalue()


# Of a cluster that is served.


async def create(client: Client, kind: type[Resource], name: str, owner: Any = None, **body: Any) -> Any:
    """An object with its status, owned by another."""
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", **body.pop("metadata", {})}
    if owner is not None:
        rt = owner.resource_type
        reference = {"apiVersion": rt.api_version, "kind": rt.kind, "name": owner.name, "uid": owner.uid}
        metadata["ownerReferences"] = [reference | {"controller": True}]
    status = body.pop("status", None)
    made = await client.create(kind.from_dict({"metadata": metadata, **body}))
    if status is not None:
        patch = MergePatch({"status": status})
        await client.patch(kind, name, patch, namespace=metadata["namespace"], subresource="status")
    return made


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[FakeCluster, Path]]:
    """A request that recovers, the workflow of whose first attempt is gone, and its kubeconfig."""
    async with FakeCluster(controlplane=False, crds=KINDS) as cluster, cluster.serve():
        client = cluster.client
        for name in ("shop", "kubernaut-executor"):
            await client.create(Namespace.from_dict({"metadata": {"name": name}}))
        signal = {"name": "KubePodCrashLooping", "fingerprint": "f1", "severity": "critical"}
        status: dict[str, Any] = {
            "overallPhase": "executing",
            "startTime": "2024-01-01T00:00:00Z",
            "recoveryAttempts": 1,
            "recoveryReason": "workflow_timeout_step_0",
            "transitions": [
                {"phase": "pending", "time": "2024-01-01T00:00:00Z"},
                {"phase": "executing", "time": "2024-01-01T00:00:05Z", "reason": "x"},
            ],
            "workflowExecutionRefs": [
                {"name": "web-down-0", "namespace": "shop", "outcome": "failed", "failureReason": "too slow"},
                {"name": "web-down-1", "namespace": "shop", "attemptNumber": 1},
            ],
        }
        spec = {"signal": signal, "target": TARGET}
        request = await create(client, RemediationRequest, "web-down", spec=spec, status=status)
        steps = [{"name": "undo", "action": "rollback-deployment", "target": TARGET}]
        workflow = await create(
            client, WorkflowExecution, "web-down-1", request, spec={"steps": steps}, status={"phase": "executing"}
        )
        parameters = {"patch": "password: hunter2"}
        execution = await create(
            client,
            KubernetesExecution,
            "web-down-1-0-1",
            workflow,
            spec={"action": "patch-resource", "target": TARGET, "parameters": parameters},
            status={"phase": "executing"},
        )
        await create(
            client,
            Job,
            "exec-1",
            metadata={"namespace": "kubernaut-executor", "labels": {"kubernaut.io/execution-id": execution.uid}},
            spec=job_spec(),
            status={"active": 1},
        )
        await create(client, RemediationProcessing, "other", spec={"signal": signal, "target": TARGET})
        yield cluster, cluster.kubeconfig(tmp_path / "config")


def job_spec() -> dict[str, Any]:
    container = {"name": "main", "image": "kubectl", "command": ["kubectl", "patch", "--token=abcdefghijklmnop"]}
    return {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["tree", *arguments])


async def test_it_is_found_by_owners_labels_and_what_statuses_tell(served: tuple[FakeCluster, Path]) -> None:
    _, kubeconfig = served
    result = await run("web-down", "-n", "shop", "--json", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 0, result.stderr
    tree = json.loads(result.stdout)
    assert [(each["kind"], each["name"], each["gone"]) for each in tree["children"]] == [
        ("WorkflowExecution", "web-down-1", False),
        ("WorkflowExecution", "web-down-0", True),
    ]
    assert tree["children"][1]["phase"] == "failed" and tree["children"][1]["message"] == "too slow"
    [execution] = tree["children"][0]["children"]
    assert [job["phase"] for job in execution["children"]] == ["running"]
    assert tree["phases"][0]["duration"] == 5.0
    assert tree["details"]["recoveries"] == "1 of 3"
    assert "hunter2" not in result.stdout and "abcdefghijklmnop" not in result.stdout


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("web-down", "● RemediationRequest web-down  executing"),
        ("remediationrequest/web-down", "● RemediationRequest web-down  executing"),
        ("wfe/web-down-1", "● WorkflowExecution web-down-1  executing"),
        (
            "kubernetesexecutions.kubernetesexecution.kubernaut.io/web-down-1-0-1",
            "● KubernetesExecution web-down-1-0-1",
        ),
    ],
)
async def test_any_of_three_kinds_is_the_root(served: tuple[FakeCluster, Path], name: str, first: str) -> None:
    result = await run(name, "-n", "shop", "--brief", "--kubeconfig", str(served[1]))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(first)
    assert "└── ● Job exec-1  running" in result.stdout
    assert "target:" not in result.stdout


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("web", 1, "namespace shop has no RemediationRequest 'web'; there: web-down"),
        ("web-down-1", 1, "there is workflowexecution/web-down-1"),
        ("kexec/web", 1, "namespace shop has no KubernetesExecution 'web'; there: web-down-1-0-1"),
        ("pod/web", 2, "there is no tree of a 'pod'"),
        ("wfe/", 2, "NAME: is empty"),
    ],
)
async def test_what_is_not_there_is_told_in_a_line(
    served: tuple[FakeCluster, Path], name: str, code: int, said: str
) -> None:
    result = await run(name, "-n", "shop", "--kubeconfig", str(served[1]))
    assert result.exit_code == code
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


async def test_the_namespace_that_has_it_is_told(served: tuple[FakeCluster, Path]) -> None:
    cluster, kubeconfig = served
    result = await run("web-down", "-n", "default", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 1
    assert result.stderr.endswith("has no RemediationRequest 'web-down'; namespace shop has one\n")
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shed"}}))
    spec = {"signal": {"name": "A", "fingerprint": "f"}, "target": TARGET}
    await create(cluster.client, RemediationRequest, "web-down", metadata={"namespace": "shed"}, spec=spec)
    result = await run("web-down", "-n", "default", "--kubeconfig", str(kubeconfig))
    assert result.stderr.endswith("; namespaces shed, shop have one each\n")


async def test_a_cluster_without_the_kind_says_what_installs_it(tmp_path: Path) -> None:
    async with FakeCluster(controlplane=False) as cluster, cluster.serve():
        result = await run("web-down", "--kubeconfig", str(cluster.kubeconfig(tmp_path / "config")))
    assert result.exit_code == 1
    assert "this cluster has no RemediationRequest: install it" in result.stderr


async def test_a_server_that_does_not_answer_ends_with_4(served: tuple[FakeCluster, Path], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:1", served[1].read_text()))
    assert (await run("web-down", "--kubeconfig", str(nowhere))).exit_code == 4


async def test_watching_ends_with_the_request(served: tuple[FakeCluster, Path]) -> None:
    cluster, kubeconfig = served
    watching = asyncio.create_task(run("web-down", "-n", "shop", "--json", "--watch", "--kubeconfig", str(kubeconfig)))
    await asyncio.sleep(0.3)
    patch = MergePatch({"status": {"overallPhase": "completed", "completionTime": "2024-01-01T00:10:00Z"}})
    await cluster.client.patch(RemediationRequest, "web-down", patch, namespace="shop", subresource="status")
    result = await asyncio.wait_for(watching, 20)
    assert result.exit_code == 0, result.stderr
    seen = [json.loads(line)["phase"] for line in result.stdout.splitlines()]
    assert seen[-1] == "completed" and len(seen) <= 2


async def test_what_may_not_be_listed_is_left_out_and_told() -> None:
    async with FakeCluster(controlplane=False, rbac=True, crds=KINDS) as cluster:
        client = cluster.client
        await client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
        spec = {"signal": {"name": "A", "fingerprint": "f"}, "target": TARGET}
        await create(client, RemediationRequest, "web-down", spec=spec)
        rule = {"apiGroups": ["remediation.kubernaut.io"], "resources": ["*"], "verbs": ["get", "list"]}
        rbac = "rbac.authorization.k8s.io/v1"
        subject = {"kind": "User", "name": "carol", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "Role", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"}
        metadata = {"name": "reader", "namespace": "shop"}
        await cluster.load(
            [
                {"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": [rule]},
                {
                    "apiVersion": rbac,
                    "kind": "RoleBinding",
                    "metadata": metadata,
                    "subjects": [subject],
                    "roleRef": reference,
                },
            ]
        )
        carol = cluster.client_as("carol")
        found = await read(carol, Root(RemediationRequest, "web-down"), "shop", "kubernaut-executor")
        with pytest.raises(Refused, match="'web'; there: web-down"):  # not every namespace may be looked at
            await read(carol, Root(RemediationRequest, "web"), "shop", "kubernaut-executor")
    assert len(found.notes) == 5
    assert found.notes[0] == "you may not list remediationprocessings in namespace shop: they are missing here"
