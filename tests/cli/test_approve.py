"""`kubernaut approve` and `reject` against a served cluster."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kubernaut.cli.app import app
from kubernaut.cli.approve import command
from kubernaut.client import Client, Forbidden, MergePatch
from kubernaut.client.connect import connect
from kubernaut.client.intercept import Call, intercept
from kubernaut.fake import FakeCluster
from kubernaut.reconcile.webhooks import ServiceReference, webhook_configurations
from kubernaut.remediation.approval import ApprovalRequest, ApprovalRequestSpec, Subject, approval_webhooks
from kubernaut.remediation.approval.stamped import unstamped
from kubernaut.resources import ObjectMeta


def request(name: str, minutes: float = 60) -> ApprovalRequest:
    subject = Subject(
        api_version="kubernetesexecution.kubernaut.io/v1", kind="KubernetesExecution", name="fix", uid="u1"
    )
    spec = ApprovalRequestSpec(
        subject=subject,
        digest="sha256:1",
        required_by=datetime.now(UTC) + timedelta(minutes=minutes),
        summary="drain-node Node node-1",
        reasons=["drain-node moves every pod off a node"],
        requested_by="alice",
    )
    return ApprovalRequest(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)


def leading_nowhere(kubeconfig: Path, folder: Path) -> Path:
    """The same with a port at which nobody listens."""
    changed = folder / "nowhere"
    changed.write_text(re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:1", kubeconfig.read_text()))
    return changed


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    """A cluster with one request that waits, and its kubeconfig."""
    async with FakeCluster(controlplane=False, crds=[ApprovalRequest]) as cluster, cluster.serve():
        await cluster.client.create(request("fix-0123456789"))
        yield cluster.kubeconfig(tmp_path / "config")


async def run(*arguments: str, input: str | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), input)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who decides may not read the webhook configurations, so nothing is known beforehand."""

    async def unknown(client: Client, made: datetime | None) -> None:
        return None

    monkeypatch.setattr(command, "unstamped", unknown)


@pytest.mark.parametrize("arguments", [("approve", "fix"), ("reject", "fix", "--reason", "no")])
async def test_a_decision_that_nobody_would_be_stamped_on_is_refused_before_it_is_written(
    kubeconfig: Path, arguments: tuple[str, ...]
) -> None:
    result = await run(*arguments, "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 1
    assert "no webhook configuration that stamps who decides is registered; register the webhooks" in result.stderr
    async with connect(kubeconfig) as client:
        found = await client.get(ApprovalRequest, "fix-0123456789", namespace="default")
    assert found.status.decision is None


async def test_whether_a_decision_would_count_is_told_by_the_configurations_of_any_name() -> None:
    manifests = webhook_configurations("shop", approval_webhooks(), service=ServiceReference("web", "ops"))
    async with FakeCluster(controlplane=False, crds=[ApprovalRequest]) as cluster:
        assert await unstamped(cluster.client, None) is not None
        await cluster.load(manifests)
        assert await unstamped(cluster.client, None) is None
        late = await unstamped(cluster.client, datetime(2020, 1, 1, tzinfo=UTC))
        assert late is not None and "did not exist yet" in late

        async def refuse(call: Call, proceed: Any) -> Any:
            raise Forbidden({"message": "not yours"})

        assert await unstamped(intercept(cluster.client, list=refuse), datetime(2020, 1, 1, tzinfo=UTC)) is None


@pytest.mark.usefixtures("unread")
async def test_approve_finds_the_request_by_the_execution_and_shows_what_is_approved(kubeconfig: Path) -> None:
    result = await run("approve", "fix", "--reason", "go", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 1, "what does not count is no success"
    assert result.stdout == "drain-node Node node-1: approved by nobody\n"
    assert "drain-node moves every pod off a node" in result.stderr
    assert "asked by alice" in result.stderr
    assert "nobody was stamped" in result.stderr, "this cluster has no webhooks"

    again = await run("reject", "fix-0123456789", "--reason", "no", "--kubeconfig", str(kubeconfig))
    assert again.exit_code == 1
    assert "was approved by somebody already: a decision is final" in again.stderr


async def test_reject_wants_a_reason(kubeconfig: Path) -> None:
    result = await run("reject", "fix", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 2
    assert "--reason: say why" in result.stderr


async def test_a_name_that_nobody_waits_under_ends_with_1(kubeconfig: Path) -> None:
    result = await run("approve", "fox", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 1
    assert "namespace default has no approval request of 'fox'; waiting there: fix-0123456789" in result.stderr
    result = await run("approve", "fix", "-n", "kube-system", "--kubeconfig", str(kubeconfig))
    assert "nothing waits there" in result.stderr


async def test_a_kubeconfig_that_is_not_there_ends_with_2_and_a_server_that_is_not_with_4(
    kubeconfig: Path, tmp_path: Path
) -> None:
    assert (await run("approve", "fix", "--kubeconfig", str(tmp_path / "none"))).exit_code == 2
    assert (await run("approve", "", "--kubeconfig", str(kubeconfig))).exit_code == 2
    result = await run("approve", "fix", "--kubeconfig", str(leading_nowhere(kubeconfig, tmp_path)))
    assert result.exit_code == 4, result.stderr
    assert result.stderr.startswith("kubernaut: the API server at http://127.0.0.1:1 cannot be reached: ")
    assert "ssl:default" not in result.stderr


async def signed(client: Client, name: str) -> None:
    """What the webhooks write."""
    patch = MergePatch({"status": {"decidedBy": {"username": "bob"}}})
    await client.patch(ApprovalRequest, name, patch, namespace="default", subresource="status")


@pytest.mark.usefixtures("unread")
async def test_an_approval_that_counts_ends_with_0(kubeconfig: Path) -> None:
    async with connect(kubeconfig) as client:
        # Who is written beside the decision stays: this cluster has no webhook that would say otherwise.
        await signed(client, "fix-0123456789")
    result = await run("approve", "fix", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "drain-node Node node-1: approved by bob\n"


@pytest.mark.usefixtures("unread")
async def test_on_a_terminal_it_shows_what_and_asks(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "on_a_terminal", lambda: True)
    result = await run("approve", "fix", "--kubeconfig", str(kubeconfig), input="n\n")
    assert result.exit_code == 1
    assert "  for KubernetesExecution fix, by ApprovalRequest fix-0123456789" in result.stderr
    assert "Approve this? [y/N]" in result.stderr and "nothing was decided" in result.stderr
    async with connect(kubeconfig) as client:
        found = await client.get(ApprovalRequest, "fix-0123456789", namespace="default")
        assert found.status.decision is None
        await signed(client, "fix-0123456789")
    assert (await run("approve", "fix", "--kubeconfig", str(kubeconfig), input="y\n")).exit_code == 0


@pytest.mark.usefixtures("unread")
async def test_with_yes_it_does_not_ask(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "on_a_terminal", lambda: True)
    async with connect(kubeconfig) as client:
        await signed(client, "fix-0123456789")
    result = await run("approve", "fix", "--yes", "--kubeconfig", str(kubeconfig))
    assert result.exit_code == 0 and "Approve this?" not in result.stderr


@pytest.mark.usefixtures("unread")
async def test_what_somebody_else_wrote_cannot_draw_on_the_terminal(kubeconfig: Path) -> None:
    made = request("spoof-1")
    made.spec.subject.name = "spoof"
    made.spec.summary = "delete-resource Node a\n# policy: low risk\x1b[2K"
    made.spec.reasons = ["one\rtwo"]
    made.spec.requested_by = "eve\u202e"
    async with connect(kubeconfig) as client:
        await client.create(made)
    result = await run("approve", "spoof", "--kubeconfig", str(kubeconfig))
    assert r"delete-resource Node a\n# policy: low risk\x1b[2K (asked by eve\u202e)" in result.stderr
    assert r"  one\rtwo" in result.stderr
    assert all(line.isprintable() for line in (result.stdout + result.stderr).splitlines())
