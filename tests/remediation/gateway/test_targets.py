"""What an alert is about: the first label that names something, and for pods what made them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from kubernaut.client.transports.faults import Fault
from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.gateway import GatewayConfig
from kubernaut.remediation.gateway.matching import Matcher
from kubernaut.remediation.gateway.names import fingerprint_label, request_name
from kubernaut.remediation.gateway.targets import climbed, named
from kubernaut.remediation.signals import Signal
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet
from kubernaut.resources.builtin.core_v1 import Pod
from tests.remediation.gateway.sending import Gateway, alert, prepare, requests

CONFIG = GatewayConfig()


def about(config: GatewayConfig = CONFIG, **labels: str) -> str:
    found = named(labels, config.targets, config)
    if isinstance(found, str):
        return found
    target = found.target
    return f"{target.api_version} {target.kind} {target.namespace}/{target.name}{' ^' if found.climbs else ''}"


def test_labels_name_a_target_by_precedence() -> None:
    assert about(namespace="shop", deployment="web", pod="web-1", node="n") == "apps/v1 Deployment shop/web"
    assert about(namespace="shop", statefulset="db", pod="db-0") == "apps/v1 StatefulSet shop/db"
    assert about(namespace="shop", daemonset="log", node="n") == "apps/v1 DaemonSet shop/log"
    assert about(namespace="shop", pod="web-1", node="n", job="kubelet") == "v1 Pod shop/web-1 ^"
    assert about(namespace="shop", job_name="backup", job="kube-state-metrics") == "batch/v1 Job shop/backup"
    assert about(node="node-1.example.org") == "v1 Node None/node-1.example.org"
    assert about(deployment="web", node="n") == "v1 Node None/n"


def test_what_names_nothing_is_told_why() -> None:
    assert "no label names an object" in about(namespace="shop", job="kubelet")
    assert "no namespace" in about(deployment="web")
    for name in ("../x", "a/b", "a b", "x" * 300, "-a", "%2e"):
        assert "cannot be a name" in about(namespace="shop", deployment=name)
    for name in ("Shop", "a.b", "x" * 64, "shop/x"):
        assert "cannot be the name of one" in about(namespace=name, deployment="web")


def test_other_labels_and_kinds_can_be_told() -> None:
    config = GatewayConfig.model_validate(
        {
            "namespace-labels": ["exported_namespace", "namespace"],
            "targets": [
                {"label": "rollout", "kind": "Rollout", "api-version": "argoproj.io/v1alpha1"},
                {"label": "pod", "kind": "Pod", "climb": False},
                {"label": "pool", "kind": "NodePool", "api-version": "example.dev/v1", "cluster-scoped": True},
            ],
        }
    )
    labels = {"namespace": "monitoring", "exported_namespace": "shop"}
    assert about(config, rollout="web", **labels) == "argoproj.io/v1alpha1 Rollout shop/web"
    assert about(config, pod="web-1", **labels) == "v1 Pod shop/web-1"
    assert about(config, pool="a") == "example.dev/v1 NodePool None/a"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"targets": [{"label": "x", "kind": "Rollout"}]}, "needs its api-version"),
        ({"targets": [{"label": "x", "kind": "Deployment", "climb": True}]}, "cannot be climbed"),
        (
            {"targets": [{"label": "x", "kind": "Pod", "climb": True, "cluster-scoped": True}]},
            "cannot be climbed outside of namespaces",
        ),
        ({"routes": [{"name": "a"}, {"name": "a"}]}, "two routes named"),
        ({"routes": [{"name": "a", "match": ["severity"]}]}, "is no matcher"),
        ({"routes": [{"name": "a", "match": ['a=~"("']}]}, "is no pattern"),
        ({"routes": [{"name": "a", "match": ['a="b']}]}, "not closed"),
        ({"routes": [{"name": "a", "max-recovery-attempts": 99}]}, "less than or equal to 10"),
        ({"routes": [{"name": "a", "namespace": "Not One"}]}, "pattern"),
        ({"event": {}}, "Extra inputs"),
        ({"events": {"max-age": "soon"}}, "soon"),
        ({"events": {"max-age": "0s"}}, "greater than"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GatewayConfig.model_validate(given)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("severity=critical", {"severity": "critical"}, True),
        ('severity = "critical"', {"severity": "critical"}, True),
        ("severity!=critical", {}, True),
        ('team=""', {}, True),
        ('team!=""', {}, False),
        ('job=~"a|b"', {"job": "b"}, True),
        ('job=~"a|b"', {"job": "bb"}, False),
        ('job!~"test-.*"', {"job": "test-1"}, False),
        ('job!~"test-.*"', {}, True),
        (r'job="a\"b\\c\nd"', {"job": 'a"b\\c\nd'}, True),
        (r'job=~"a\.b"', {"job": "a.b"}, True),
        ('job=~".*"', {"job": "a\nb"}, True),
    ],
)
def test_matchers_mean_what_alertmanagers_do(text: str, labels: dict[str, str], expected: bool) -> None:
    assert Matcher.parse(text).matches(labels) is expected
    assert Matcher.parse(str(Matcher.parse("a=b"))) == Matcher.parse("a=b")


def test_names_follow_from_fingerprint_source_and_start() -> None:
    at = datetime(2024, 1, 1, microsecond=500_000, tzinfo=UTC)
    signal = Signal(name="Kube Pod/Crash!", fingerprint="abc", starts_at=at, source="x")
    assert request_name(signal).startswith("kube-pod-crash-")
    assert request_name(signal) == request_name(signal.model_copy(update={"labels": {"a": "b"}}))
    elsewhere = at.astimezone(timezone(timedelta(hours=1)))
    assert request_name(signal) == request_name(signal.model_copy(update={"starts_at": elsewhere}))
    for field, value in (("fingerprint", "abd"), ("source", "y"), ("starts_at", None)):
        assert request_name(signal.model_copy(update={field: value})) != request_name(signal)
    assert request_name(Signal(name="…", fingerprint="a")).startswith("signal-")
    assert fingerprint_label("5ef77f1f8a3ecfcd") == "5ef77f1f8a3ecfcd"
    assert len(fingerprint_label("a b")) == len(fingerprint_label("x" * 64)) == 32


async def workload(cluster: FakeCluster) -> str:
    """The name of a pod of the Deployment shop/web."""
    await prepare(cluster, "shop")
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "web", "namespace": "shop"}
    await cluster.client.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))
    await cluster.settled()
    return next(iter(await cluster.client.list(Pod, namespace="shop"))).name


@pytest.mark.virtual_time
async def test_a_pod_stands_for_the_deployment_that_made_it(cluster: FakeCluster) -> None:
    pod = await workload(cluster)
    gateway = Gateway(cluster.client)
    assert await gateway.outcomes(alert(fingerprint="a", deployment="", pod=pod)) == ["created"]
    await cluster.client.delete(Pod, pod, namespace="shop")
    await cluster.settled()
    # The next one has another name, and the alert still names the one that crashed.
    assert await gateway.outcomes(alert(fingerprint="b", deployment="", pod=pod)) == ["created"]
    for request in await requests(cluster):
        assert (request.spec.target.kind, request.spec.target.name) == ("Deployment", "web")
    assert await gateway.outcomes(alert(fingerprint="c", deployment="", pod="gone-1")) == ["no_target"]
    cluster.faults.add(Fault.status(503), verb="get", resource=Pod)
    answer = await gateway.send(alert(fingerprint="d", deployment="", pod=pod))
    assert answer.status_code == 503


@pytest.mark.virtual_time
async def test_what_is_said_to_have_no_namespace_is_not_climbed(cluster: FakeCluster) -> None:
    await prepare(cluster)
    config = GatewayConfig.model_validate({"targets": [{"label": "pod", "kind": "Pod", "cluster-scoped": True}]})
    assert about(config, pod="web-1") == "v1 Pod None/web-1"
    assert await climbed(cluster.client, ExecutionTarget(api_version="v1", kind="Pod", name="web-1")) is None


@pytest.mark.fake_only("a real garbage collector takes what has an owner that does not exist")
@pytest.mark.virtual_time
async def test_a_pod_of_its_own_and_one_whose_owner_is_unknown_stand_for_themselves(cluster: FakeCluster) -> None:
    await prepare(cluster)
    owners: dict[str, list[dict[str, Any]]] = {
        "alone": [],
        "of-a-set": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u1", "controller": True}],
        "of-others": [{"apiVersion": "example.dev/v1", "kind": "Fleet", "name": "f", "uid": "u2", "controller": True}],
        "of-nobody": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "u3", "controller": True}],
    }
    for name, references in owners.items():
        pod = {"metadata": {"name": name, "namespace": "shop", "ownerReferences": references}}
        pod["spec"] = {"containers": [{"name": "main", "image": "x"}]}
        await cluster.client.create(Pod.from_dict(pod))
    gateway = Gateway(cluster.client)
    sent = [alert(fingerprint=name, deployment="", pod=name) for name in owners]
    await gateway.outcomes(*sent)
    found = {r.spec.signal.fingerprint: (r.spec.target.kind, r.spec.target.name) for r in await requests(cluster)}
    assert found["alone"] == ("Pod", "alone")
    assert found["of-a-set"] == ("StatefulSet", "db")
    assert found["of-others"] == ("Pod", "of-others")
    assert found["of-nobody"] == ("Pod", "of-nobody")
    assert not list(await cluster.client.list(ReplicaSet))
