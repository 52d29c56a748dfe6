"""From Alertmanager's notifications to requests: each firing makes one, whoever tells of it how often."""

from __future__ import annotations

import anyio
import pytest

from kubernaut.remediation.gateway import GatewayConfig, Route
from kubernaut.remediation.request.types import RESOLVED_AT, RemediationRequest
from kubernaut.remediation.signals import FINGERPRINT_LABEL
from kubernaut.testing import Cluster
from tests.remediation.gateway.sending import LATER, NEVER, Gateway, alert, notification, only, prepare, requests

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False)]


async def end(cluster: Cluster, phase: str, completed: str = "2024-01-01T01:00:00Z") -> None:
    request = await only(cluster)
    request.status.overall_phase = phase
    request.status = type(request.status).model_validate(request.status.to_dict() | {"completionTime": completed})
    await cluster.client.update_status(request)


async def test_a_firing_alert_becomes_a_request_about_what_its_labels_name(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    answer = await gateway.send(alert())
    assert answer.status_code == 200
    request = await only(cluster)
    assert answer.json() == {
        "outcomes": {"created": 1},
        "truncatedAlerts": 0,
        "alerts": [
            {
                "fingerprint": "5ef77f1f8a3ecfcd",
                "status": "firing",
                "outcome": "created",
                "request": {"namespace": "shop", "name": request.name},
            }
        ],
    }
    assert request.name.startswith("kubedeploymentreplicasmismatch-")
    assert request.metadata.labels == {FINGERPRINT_LABEL: "5ef77f1f8a3ecfcd"}
    spec = request.spec.to_dict()
    assert spec["target"] == {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}
    signal = spec["signal"]
    assert (signal["name"], signal["severity"]) == ("KubeDeploymentReplicasMismatch", "critical")
    assert (signal["source"], signal["startsAt"]) == ("alertmanager", "2024-01-01T00:00:00Z")
    assert signal["labels"]["deployment"] == "web"
    assert signal["annotations"]["summary"].startswith("Deployment")
    assert spec["maxRecoveryAttempts"] == 3
    assert gateway.count("alerts_total", source="alertmanager", outcome="created") == 1
    assert gateway.count("requests_created_total", source="alertmanager", route="default") == 1
    assert gateway.count("request_duration_seconds_count", code="200") == 1


async def test_what_is_delivered_again_makes_nothing_new(cluster: Cluster) -> None:
    await prepare(cluster)
    first, second = Gateway(cluster.client), Gateway(cluster.client)
    assert await first.outcomes(alert()) == ["created"]
    assert await first.outcomes(alert()) == ["duplicate"]
    assert await second.outcomes(alert()) == ["duplicate"]
    await end(cluster, "completed")
    assert await Gateway(cluster.client).outcomes(alert()) == ["duplicate"]
    assert len(await requests(cluster)) == 1


async def test_two_replicas_that_are_told_at_once_make_one_request(cluster: Cluster) -> None:
    await prepare(cluster)
    replicas = [Gateway(cluster.client), Gateway(cluster.client)]
    told = [alert(fingerprint=f"{number:016x}") for number in range(10)]
    found: list[str] = []

    async def tell(gateway: Gateway) -> None:
        found.extend(await gateway.outcomes(*told))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            for gateway in replicas:
                group.start_soon(tell, gateway)
    assert len(await requests(cluster)) == 10
    assert found.count("created") == 10
    assert set(found) == {"created", "duplicate"}


async def test_a_group_is_taken_alert_by_alert_and_each_has_its_own_outcome(cluster: Cluster) -> None:
    await prepare(cluster, "shop", "cart")
    gateway = Gateway(cluster.client)
    answer = await gateway.send(
        alert(fingerprint="a"),
        alert(fingerprint="b", namespace="cart"),
        alert(fingerprint="c", deployment="", instance="10.0.0.1:9100"),
        alert(fingerprint="d", namespace="nowhere"),
        alert(fingerprint="e", deployment="../../secrets"),
        alert(fingerprint="a"),
        alert(fingerprint="f", status="resolved"),
    )
    assert answer.status_code == 200
    told = answer.json()["alerts"]
    assert [each["outcome"] for each in told] == [
        "created",
        "created",
        "no_target",
        "refused",
        "no_target",
        "duplicate",
        "unknown",
    ]
    assert "no label names an object" in told[2]["message"]
    assert "nowhere" in told[3]["message"]
    assert "cannot be a name" in told[4]["message"]
    assert sorted((each.namespace, each.spec.signal.fingerprint) for each in await requests(cluster)) == [
        ("cart", "b"),
        ("shop", "a"),
    ]


async def test_what_is_left_out_of_a_notification_is_counted_and_the_rest_is_taken(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    answer = await gateway.send(alert(), truncatedAlerts=7)
    assert (answer.status_code, answer.json()["truncatedAlerts"]) == (200, 7)
    assert gateway.count("truncated_alerts_total") == 7
    assert len(await requests(cluster)) == 1


async def test_a_resolved_alert_is_noted_on_its_request_once(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.send(alert())
    assert await gateway.outcomes(alert(status="resolved")) == ["resolved"]
    request = await only(cluster)
    assert (request.metadata.annotations or {})[RESOLVED_AT] == "2024-01-01T00:30:00Z"
    again = Gateway(cluster.client)
    assert await again.outcomes(alert(status="resolved") | {"endsAt": LATER}) == ["resolved"]
    assert (await only(cluster)).metadata.resource_version == request.metadata.resource_version


async def test_replicas_that_note_the_same_end_at_once_agree(cluster: Cluster) -> None:
    await prepare(cluster)
    replicas = [Gateway(cluster.client), Gateway(cluster.client)]
    await replicas[0].send(alert())
    found: list[str] = []

    async def tell(gateway: Gateway) -> None:
        found.extend(await gateway.outcomes(alert(status="resolved")))

    async with anyio.create_task_group() as group:
        for gateway in (*replicas, *replicas):
            group.start_soon(tell, gateway)
    assert found == ["resolved"] * 4
    assert RESOLVED_AT in ((await only(cluster)).metadata.annotations or {})


async def test_the_end_of_what_nobody_knows_is_let_be(cluster: Cluster) -> None:
    await prepare(cluster)
    assert await Gateway(cluster.client).outcomes(alert(status="resolved")) == ["unknown"]
    assert not await requests(cluster)


async def test_a_new_start_while_a_request_is_under_way_makes_no_other(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.send(alert())
    name = (await only(cluster)).name
    answer = await gateway.send(alert(starts="2023-12-31T23:59:00Z"))
    assert answer.json()["alerts"][0]["outcome"] == "ongoing"
    assert answer.json()["alerts"][0]["request"]["name"] == name
    # Whichever start the end is told with, it reaches the request.
    ended = alert(status="resolved", starts="2023-12-31T23:59:00Z")
    assert await gateway.outcomes(ended) == ["resolved"]
    assert RESOLVED_AT in ((await only(cluster)).metadata.annotations or {})


async def test_a_new_start_after_the_end_is_a_new_request(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.send(alert())
    await end(cluster, "completed")
    assert await gateway.outcomes(alert(starts=LATER)) == ["created"]
    assert len(await requests(cluster)) == 2


async def test_a_new_start_is_not_lost_with_a_request_that_is_about_to_be_closed(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.outcomes(alert())
    await gateway.outcomes(alert(status="resolved"))
    assert await gateway.outcomes(alert(starts=LATER)) == ["created"]
    # An end from before it began is none of its business.
    assert await gateway.outcomes(alert(status="resolved")) == ["resolved"]
    newer = [each for each in await requests(cluster) if RESOLVED_AT not in (each.metadata.annotations or {})]
    assert len(newer) == 1


async def test_a_name_that_somebody_else_has_taken_is_not_adopted(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.send(alert())
    request = await only(cluster)
    await cluster.client.delete(RemediationRequest, request.name, namespace="shop")
    spec = request.spec.to_dict() | {"signal": request.spec.signal.to_dict() | {"fingerprint": "another"}}
    metadata = {"name": request.name, "namespace": "shop"}
    await cluster.client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": spec}))
    answer = await gateway.send(alert())
    assert (answer.status_code, answer.json()["alerts"][0]["outcome"]) == (200, "refused")
    assert "somebody else" in answer.json()["alerts"][0]["message"]


async def test_a_request_that_somebody_has_spoiled_keeps_no_others_from_being_made(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    await gateway.send(alert())
    request = await only(cluster)
    path = RemediationRequest.resource_type.path("shop", request.name)
    raw = request.to_dict() | {"status": {"overallPhase": "no such phase", "transitions": []}}
    await cluster.client.request("PUT", f"{path}/status", body=raw)
    assert await gateway.outcomes(alert(fingerprint="b")) == ["created"]
    assert await gateway.outcomes(alert(starts=LATER)) == ["ongoing"]


async def test_without_a_fingerprint_the_labels_make_one(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    old = alert()
    del old["fingerprint"], old["generatorURL"]
    sent = notification(old)
    for field in ("truncatedAlerts", "groupKey", "externalURL", "commonAnnotations", "version"):
        del sent[field]
    for expected in ("created", "duplicate"):
        answer = await gateway.http.post("/alertmanager", json=sent)
        assert answer.json()["alerts"][0]["outcome"] == expected
    assert len((await only(cluster)).spec.signal.fingerprint) == 16


async def test_what_a_request_cannot_hold_is_cut(cluster: Cluster) -> None:
    await prepare(cluster)
    more = {f"label_{number}": "ü" * 2000 for number in range(100)}
    sent = alert("Ünusual name " * 40, fingerprint="f" * 128, **more)
    sent["annotations"] = {"summary": "x" * 100_000}
    assert await Gateway(cluster.client).outcomes(sent) == ["created"]
    request = await only(cluster)
    assert len(request.name) <= 63
    assert len(request.spec.signal.labels) == 64
    assert len(request.spec.signal.annotations["summary"].encode()) == 1024
    assert len((request.metadata.labels or {})[FINGERPRINT_LABEL]) == 32
    assert await Gateway(cluster.client).outcomes(sent) == ["duplicate"]


async def test_what_looks_like_a_credential_stays_out_of_the_request(cluster: Cluster) -> None:
    await prepare(cluster)
    sent = alert()
    sent["annotations"] = {"description": "it said Authorization: Bearer abcdefgh12345678 and password=hunter2"}
    assert await Gateway(cluster.client).outcomes(sent) == ["created"]
    text = (await only(cluster)).spec.signal.annotations["description"]
    assert "hunter2" not in text and "abcdefgh12345678" not in text and text.startswith("it said")


async def test_routes_decide_what_is_taken_and_how(cluster: Cluster) -> None:
    await prepare(cluster, "shop", "ops", "kubernaut-system")
    config = GatewayConfig.model_validate(
        {
            "routes": [
                {"name": "quiet", "match": ['severity=~"none|info"'], "take": False},
                {"name": "nodes", "match": ['node!=""', 'deployment=""'], "suspend": True},
                {
                    "name": "pages",
                    "match": ["severity=page"],
                    "namespace": "ops",
                    "max-recovery-attempts": 1,
                },
                {"name": "shop", "match": ['namespace="shop"', 'alertname!~"Test.*"'], "severity": "critical"},
            ]
        }
    )
    gateway = Gateway(cluster.client, config)
    assert await gateway.outcomes(
        alert(fingerprint="a", severity="info"),
        alert(fingerprint="b", deployment="", node="node-1", namespace=""),
        alert(fingerprint="c", severity="page"),
        alert(fingerprint="d", severity="warning"),
        alert("TestAlert", fingerprint="e"),
        alert(fingerprint="f", namespace="kubernaut-executor", severity="page"),
    ) == ["ignored", "created", "created", "created", "unmatched", "unmatched"]
    made = {each.spec.signal.fingerprint: each for each in await requests(cluster)}
    assert made["b"].namespace == "kubernaut-system" and made["b"].spec.suspend
    assert made["b"].spec.target.kind == "Node" and made["b"].spec.target.namespace is None
    assert (made["c"].namespace, made["c"].spec.max_recovery_attempts) == ("ops", 1)
    assert (made["c"].spec.signal.severity, made["d"].spec.signal.severity) == ("critical", "critical")


async def test_the_wire_holds_what_it_says(cluster: Cluster) -> None:
    await prepare(cluster)
    sent = alert()
    assert sent["endsAt"] == NEVER
    assert await Gateway(cluster.client, GatewayConfig(routes=(Route(name="all"),))).outcomes(sent) == ["created"]


async def test_credentials_in_labels_are_not_stored_and_names_stay(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    sent = alert(message="login with password=hunter2 failed", dsn="postgres://app:hunter2@db/shop")
    assert await gateway.outcomes(sent) == ["created"]
    request = await only(cluster)
    stored = request.spec.signal.labels
    assert "hunter2" not in str(stored) and "failed" in stored["message"]
    assert (stored["deployment"], stored["namespace"], request.spec.target.name) == ("web", "shop", "web")
