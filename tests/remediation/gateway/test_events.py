"""Kubernetes Events as signals: what a rule names, seen often enough, makes one request for all that it is about."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kubernaut.client import MergePatch
from kubernaut.client.transports.faults import Fault
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller
from kubernaut.remediation.gateway import GatewayConfig, GatewayMetrics, Intake, events
from kubernaut.remediation.gateway.events import EventReconciler
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources import format_micro_time, format_time
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.timing import current_clock
from tests.remediation.gateway.sending import only, prepare, requests
from tests.remediation.gateway.test_targets import workload

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(declared=True)]


def controller(config: GatewayConfig | None = None) -> Controller:
    return events(Intake(config or GatewayConfig()), GatewayMetrics())


def now() -> datetime:
    return current_clock().now()


async def tell(
    cluster: FakeCluster,
    name: str,
    *,
    count: int = 3,
    reason: str = "BackOff",
    regarding: dict[str, Any] | None = None,
    namespace: str = "shop",
    seen: datetime | None = None,
    **more: Any,
) -> None:
    """An Event as a kubelet writes it; told again, its count is changed."""
    at = seen or now()
    series = {"count": count, "lastObservedTime": format_micro_time(at)}
    body = {
        "metadata": {"name": name, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "note": "Back-off restarting failed container",
        "regarding": regarding or {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u"},
        "reportingController": "kubelet",
        "reportingInstance": "node-1",
        "action": "Restarting",
        "eventTime": format_micro_time(at - timedelta(seconds=30)),
        "series": series if count > 1 else None,
    } | more
    await cluster.client.create(Event.from_dict({key: value for key, value in body.items() if value is not None}))


async def tell_core(
    cluster: FakeCluster, name: str, reason: str, about: dict[str, Any], namespace: str, count: int = 1
) -> None:
    """An Event of the core group, as kubelets and controllers of all versions write most of theirs."""
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": "Back-off restarting failed container",
        "involvedObject": about,
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": format_time(now()),
        "lastTimestamp": format_time(now()),
        "count": count,
    }
    await cluster.client.request("POST", f"/api/v1/namespaces/{namespace}/events", body=body)


async def again(cluster: FakeCluster, name: str, count: int) -> None:
    series = {"count": count, "lastObservedTime": format_micro_time(now())}
    await cluster.client.patch(Event, name, MergePatch({"series": series}), namespace="shop")


def pod(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": name, "uid": f"uid-of-{name}"}


async def test_pods_of_one_deployment_that_back_off_make_one_request(cluster: FakeCluster) -> None:
    name = await workload(cluster)
    async with cluster.running(controller()):
        await tell(cluster, "a", regarding=pod(name))
        await cluster.settled()
        request = await only(cluster)
        assert (request.spec.target.kind, request.spec.target.name) == ("Deployment", "web")
        signal = request.spec.signal
        assert (signal.name, signal.source) == ("BackOff", "kubernetes-events")
        assert signal.labels["reporting_controller"] == "kubelet"
        assert signal.annotations["regarding"] == f"Pod/{name}"
        await tell(cluster, "b", regarding=pod(name), count=17)
        await again(cluster, "a", 4)
        await cluster.settled()
        assert len(await requests(cluster)) == 1


async def test_only_what_a_rule_names_and_has_been_seen_often_enough_is_taken(cluster: FakeCluster) -> None:
    name = await workload(cluster)
    async with cluster.running(controller()):
        await tell(cluster, "few", regarding=pod(name), count=2)
        await tell(cluster, "once", regarding=pod(name), count=1)
        await tell(cluster, "other", regarding=pod(name), reason="Unhealthy", count=99)
        await tell(cluster, "normal", regarding=pod(name), type="Normal")
        await tell(cluster, "old", regarding=pod(name), seen=now() - timedelta(minutes=11))
        await tell(cluster, "gone", regarding=pod("gone"))
        custom = {"apiVersion": "example.dev/v1", "kind": "Fleet", "namespace": "shop", "name": "f"}
        await tell(cluster, "unknown", regarding=custom)
        await cluster.settled()
        assert not await requests(cluster)
        await again(cluster, "few", 3)
        await cluster.settled()
        assert len(await requests(cluster)) == 1


async def test_events_that_older_components_write_count_too(cluster: FakeCluster) -> None:
    name = await workload(cluster)
    async with cluster.running(controller()):
        await tell_core(cluster, "core", "BackOff", pod(name), "shop", count=5)
        await cluster.settled()
        assert (await only(cluster)).spec.signal.annotations["note"].startswith("Back-off")


async def test_events_of_kubernaut_and_about_it_are_never_taken(cluster: FakeCluster) -> None:
    await prepare(cluster, "shop", "kubernaut-executor")
    config = GatewayConfig.model_validate(
        {"events": {"rules": [{"reason": "BackOff", "kinds": ["Pod", "KubernetesExecution", "Job"]}]}}
    )
    for namespace in ("shop", "kubernaut-executor"):
        body = {
            "metadata": {"name": "exec-1", "namespace": namespace},
            "spec": {"containers": [{"name": "a", "image": "b"}]},
        }
        await cluster.client.create(Pod.from_dict(body))
    async with cluster.running(controller(config)):
        await tell(cluster, "a", regarding=pod("exec-1"), reportingController="kubernaut")
        await tell(cluster, "b", regarding=pod("exec-1"), reportingController="kubernaut-shop")
        kind = {"apiVersion": "kubernetesexecution.kubernaut.io/v1", "kind": "KubernetesExecution"}
        await tell(cluster, "c", regarding={**kind, "namespace": "shop", "name": "x", "uid": "u"})
        elsewhere = pod("exec-1") | {"namespace": "kubernaut-executor"}
        await tell(cluster, "d", regarding=elsewhere, namespace="kubernaut-executor")
        await cluster.settled()
        assert not await requests(cluster)


async def test_a_restart_makes_nothing_new_and_later_trouble_does(cluster: FakeCluster) -> None:
    name = await workload(cluster)
    async with cluster.running(controller()):
        await tell(cluster, "a", regarding=pod(name))
        await tell(cluster, "b", regarding=pod(name))
        await cluster.settled()
    request = await only(cluster)
    request.status = type(request.status).model_validate(
        {"overallPhase": "completed", "completionTime": format_time(now() + timedelta(seconds=5))}
    )
    await cluster.client.update_status(request)
    async with cluster.running(controller()):
        await cluster.settled()
        assert len(await requests(cluster)) == 1
        await cluster.advance(minutes=5)
        await again(cluster, "b", 9)
        await cluster.settled()
        assert len(await requests(cluster)) == 2


async def test_what_has_no_namespace_has_its_requests_elsewhere_and_routes_hold_for_events(
    cluster: FakeCluster,
) -> None:
    await prepare(cluster, "ops")
    config = GatewayConfig.model_validate(
        {
            "cluster-namespace": "ops",
            "routes": [
                {"name": "nodes", "match": ["kind=Node", "reason=Rebooted"], "suspend": True},
                {"name": "rest", "take": False},
            ],
            "events": {
                "rules": [
                    {"reason": "Rebooted", "severity": "critical", "reporters": ["kubelet"]},
                    {"reason": "Other", "reporters": ["kubelet"]},
                ]
            },
        }
    )
    async with cluster.running(controller(config)):
        node = {"kind": "Node", "name": "node-1", "uid": "node-1"}
        await tell_core(cluster, "a", "Rebooted", node, "default")
        await tell_core(cluster, "b", "Other", node, "default")
        await cluster.settled()
        request = await only(cluster)
        assert (request.namespace, request.spec.suspend, request.spec.signal.severity) == ("ops", True, "critical")


async def test_what_may_pass_is_tried_again(cluster: FakeCluster) -> None:
    name = await workload(cluster)
    cluster.faults.add(Fault.status(503, retry_after=3), verb="create", resource=RemediationRequest, times=2)
    async with cluster.running(controller()):
        await tell(cluster, "a", regarding=pod(name))
        await cluster.advance(seconds=30)
        assert len(await requests(cluster)) == 1


async def test_a_request_of_an_event_is_told_in_the_log_and_nothing_fails(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kubernaut")
    name = await workload(cluster)
    async with cluster.running(controller()):
        await tell(cluster, "a", regarding=pod(name))
        await cluster.advance(minutes=2)
    told = [record.getMessage() for record in caplog.records if "a request was made" in record.getMessage()]
    assert len(told) == 1 and "shop/a" in told[0]
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_event_that_leads_to_nothing_is_told_and_waits_as_long_as_the_server_wants(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kubernaut")
    name = await workload(cluster)
    cluster.faults.add(Fault.status(503, retry_after=40), verb="create", resource=RemediationRequest)
    async with cluster.running(controller()):
        await tell(cluster, "a", regarding=pod(name))
        await cluster.advance(seconds=60)
        told = [record for record in caplog.records if "an event led to nothing" in record.getMessage()]
        assert 1 <= len(told) <= 3 and told[0].levelno == logging.WARNING
        assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("regarding", "namespace"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "name": "web-1"}, "default"),
        ({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web"}, "default"),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "ledger"}, "default"),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "ledger", "namespace": "bank"}, "shop"),
        ({"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": ".."}, "shop"),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "../../x"}, "shop"),
        ({"apiVersion": "v1", "kind": "Node", "namespace": "default", "name": "node-1"}, "default"),
        ({"apiVersion": "v1", "kind": "Node", "name": "node-1"}, "default"),
        ({"apiVersion": "v1", "kind": "PersistentVolume", "name": "pv"}, "default"),
        ({"apiVersion": "example.dev/v1", "kind": "Pool", "name": "a"}, "default"),
        ({"apiVersion": "v" * 600, "kind": "Pool", "name": "a", "namespace": "shop"}, "shop"),
    ],
)
async def test_who_writes_an_event_speaks_for_its_namespace_alone(
    cluster: FakeCluster, regarding: dict[str, Any], namespace: str
) -> None:
    """Directly: the server refuses some of these, and a server without that check must make no difference."""
    await prepare(cluster, "shop", "bank")
    kinds = ["Pod", "ReplicaSet", "Deployment", "Node", "PersistentVolume", "Pool"]
    config = GatewayConfig.model_validate(
        {"cluster-namespace": "shop", "events": {"rules": [{"reason": "BackOff", "kinds": kinds}]}}
    )
    body = {
        "metadata": {"name": "a", "namespace": namespace},
        "type": "Warning",
        "reason": "BackOff",
        "regarding": regarding,
        "reportingController": "kubelet",
        "eventTime": format_micro_time(now()),
    }
    reconciler = EventReconciler(Intake(config), GatewayMetrics())
    ctx = cast(Context, SimpleNamespace(client=cluster.client, clock=current_clock()))
    assert await reconciler.reconcile(Event.from_dict(body), ctx) is None
    assert not await requests(cluster)


async def test_what_has_no_namespace_is_taken_from_reporters_that_a_rule_names(cluster: FakeCluster) -> None:
    await prepare(cluster, "kubernaut-system")
    anybody, kubelet = {"reason": "Rebooted"}, {"reason": "Rebooted", "kinds": ["Node"], "reporters": ["kubelet"]}
    config = GatewayConfig.model_validate({"events": {"rules": [anybody, kubelet]}})
    node = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "node-1"}
    async with cluster.running(controller(config)):
        await tell(cluster, "a", reason="Rebooted", regarding=node, namespace="default", reportingController="me")
        await cluster.settled()
        assert not await requests(cluster)
        await tell(cluster, "b", reason="Rebooted", regarding=node, namespace="default")
        await cluster.settled()
        assert (await only(cluster)).spec.target.name == "node-1"
