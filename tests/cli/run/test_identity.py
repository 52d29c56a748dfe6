"""As whom a process speaks: asked of servers that tell, read from credentials for those that do not, or given."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubernaut.cli.run.identity import OwnUser, told_by_credentials, told_by_server
from kubernaut.cli.run.plan import Plan, prepare
from kubernaut.cli.run.program import manager_of
from kubernaut.cli.run.registered import CHECK
from kubernaut.cli.run.settings import RunSettings
from kubernaut.cli.run.sources import read
from kubernaut.client.connect import cluster_target
from kubernaut.fake import FakeCluster
from kubernaut.reconcile.webhooks import AdmissionWebhook, ServiceReference, webhook_configurations
from kubernaut.remediation.execution.webhooks import StatusWriters
from kubernaut.resources.builtin.admissionregistration_v1 import MutatingWebhookConfiguration
from tests.cli.run.serving import what_executions_need

OURS = "system:serviceaccount:kubernaut-system:kubernaut"


def token(**claims: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "signature"])


def kubeconfig(folder: Path, user: dict[str, Any]) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "far", "cluster": {"server": "https://far.example"}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "far", "context": {"cluster": "far", "user": "me"}}],
        "current-context": "far",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


async def test_a_server_that_knows_the_review_tells(cluster: FakeCluster) -> None:
    assert await told_by_server(cluster.client_as(OURS)) == OURS


async def test_one_that_does_not_is_not_asked_what_it_would_refuse(cluster: FakeCluster) -> None:
    old = cluster.client_as(OURS).through(lambda inner: Older(inner))
    assert await told_by_server(old) is None
    asked = [(request.verb, request.path) for request in cluster.requests if "authentication" in request.path]
    assert not any(verb == "create" for verb, _ in asked)


class Older:
    """A server from before SelfSubjectReview: its discovery has no such kind."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, request: Any) -> Any:
        if request.path.startswith("/apis/authentication.k8s.io/"):
            request = type(request)(request.method, request.path.replace("authentication", "authorization"))
        return self._inner.open(request)


@pytest.mark.parametrize(
    ("user", "username"),
    [
        ({"token": token(sub=OURS)}, OURS),
        ({"token": token(sub="alice@example.com")}, None),
        ({"token": "opaque"}, None),
        ({"token": "a.b.c"}, None),
        ({"token": token(sub=OURS), "as": "robot"}, "robot"),
        ({"username": "alice", "password": "word"}, None),
        ({}, None),
    ],
)
def test_the_token_of_a_service_account_tells_and_no_other(
    tmp_path: Path, user: dict[str, Any], username: str | None
) -> None:
    assert told_by_credentials(cluster_target(kubeconfig(tmp_path, user), None, None)) == username


def test_so_does_one_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token(sub=OURS) + "\n")
    assert told_by_credentials(cluster_target(kubeconfig(tmp_path, {"tokenFile": "token"}), None, None)) == OURS


async def test_where_nothing_tells_it_says_so_loudly_and_nobody_may_write(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kubernaut.run")
    settings = RunSettings(kubeconfig=kubeconfig(tmp_path, {"token": "opaque"}))
    writers = StatusWriters()
    own = OwnUser(cluster.client.through(lambda inner: Older(inner)), settings, "kubernaut", [writers])
    assert own.problem is not None and "has not told yet" in own.problem
    await own.run()
    assert not writers.known
    assert own.problem is not None and "--own-user" in own.problem
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def plan(folder: Path, **settings: Any) -> Plan:
    given = {"kubeconfig": str(kubeconfig(folder, {"token": "t"})), "webhooks": True, "webhook_bind": "127.0.0.1:0"}
    return prepare(read({**given, "metrics_bind": "0", "health_bind": "0", **settings}, {}))


def test_who_is_given_is_not_looked_for(tmp_path: Path) -> None:
    given = [part.writers for part in plan(tmp_path, own_user="a,b").parts if part.writers is not None]
    assert given and all(writers.known for writers in given)
    unknown = [part.writers for part in plan(tmp_path).parts if part.writers is not None]
    assert unknown and not any(writers.known for writers in unknown)


async def test_it_is_not_ready_while_the_webhooks_are_not_registered(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.load(what_executions_need())
    made = plan(tmp_path, own_user=OURS, allow_unstamped=True)
    manager = await manager_of(made, cluster.client)
    told = await manager.readyz.run_one(CHECK)
    assert told == "the webhooks are not installed: there is no MutatingWebhookConfiguration kubernaut"
    webhooks = [one for one in made.webhooks if isinstance(one, AdmissionWebhook)]
    service = ServiceReference("kubernaut-webhooks", "kubernaut-system")
    await cluster.load(webhook_configurations("kubernaut", webhooks, service=service))
    await cluster.advance(seconds=15)
    assert await manager.readyz.run_one(CHECK) is None
    await cluster.client.delete(MutatingWebhookConfiguration, "kubernaut")
    await cluster.advance(seconds=15)
    assert await manager.readyz.run_one(CHECK) == told


async def test_nor_while_it_does_not_know_itself(cluster: FakeCluster, tmp_path: Path) -> None:
    made = plan(tmp_path)
    webhooks = [one for one in made.webhooks if isinstance(one, AdmissionWebhook)]
    service = ServiceReference("kubernaut-webhooks", "kubernaut-system")
    await cluster.load(webhook_configurations("kubernaut", webhooks, service=service))
    manager = await manager_of(made, cluster.client)
    told = await manager.readyz.run_one(CHECK)
    assert told is not None and "as whom this process writes" in told
