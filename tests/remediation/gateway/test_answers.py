"""What senders are told: JSON that names the field, and a status by which Alertmanager knows whether to come again."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from kubernaut.client import Client
from kubernaut.client.transports.faults import Fault
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.reconcile.serving import Refusal
from kubernaut.remediation.gateway import Bounds
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.testing import Cluster
from tests.remediation.gateway.sending import Gateway, alert, notification, prepare, requests

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False)]


async def test_what_is_no_notification_is_refused_and_the_field_is_named(cluster: Cluster) -> None:
    gateway = Gateway(cluster.client)
    for content, status, field in (
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"version": "4"', 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"a": "\\ud800"}', 400, None),
        (b"[" * 100_000, 400, None),
        (b"[]", 422, "notification"),
        (b"null", 422, "notification"),
        (b"{}", 422, "status"),
        (json.dumps(notification(alert(), version="3")).encode(), 422, "version"),
        (json.dumps(notification(alert(), version=4)).encode(), 422, "version"),
        (json.dumps(notification(alert(), truncatedAlerts=-1)).encode(), 422, "truncatedAlerts"),
        (json.dumps(notification(alert(), alerts=None)).encode(), 422, "alerts"),
        (json.dumps(notification(alert() | {"status": "pending"})).encode(), 422, "alerts.0.status"),
        (json.dumps(notification(alert(), alert() | {"labels": {"a": 1}})).encode(), 422, "alerts.1.labels.a"),
        (json.dumps(notification(alert() | {"labels": None})).encode(), 422, "alerts.0.labels"),
        (json.dumps(notification(alert() | {"startsAt": 1700000000})).encode(), 422, "alerts.0.startsAt"),
        (json.dumps(notification(alert() | {"startsAt": "today"})).encode(), 422, "alerts.0.startsAt"),
        (json.dumps(notification(alert(starts="2024-01-01T00:00:00"))).encode(), 422, "alerts.0.startsAt"),
        (json.dumps(notification(alert(starts="0001-01-01T00:00:00+05:00"))).encode(), 422, "alerts.0.startsAt"),
        (json.dumps(notification(alert(fingerprint="x" * 129))).encode(), 422, "alerts.0.fingerprint"),
    ):
        answer = await gateway.post(content)
        assert answer.status_code == status, (content[:60], answer.text)
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()
        assert told["error"]
        if field is not None:
            assert told["fields"][0]["field"] == field, told
            assert told["fields"][0]["message"]
    assert gateway.count("request_duration_seconds_count", code="422") == 15


async def test_many_problems_are_told_in_few_words(cluster: Cluster) -> None:
    answer = await Gateway(cluster.client).send(*[alert() | {"startsAt": None} for _ in range(50)])
    assert answer.status_code == 422
    assert len(answer.json()["fields"]) == 9
    assert answer.json()["fields"][-1] == {"field": "...", "message": "42 more"}


async def test_fields_that_later_versions_add_are_let_through(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    assert await gateway.outcomes(alert() | {"silencedBy": ["x"]}, notificationReason="first") == ["created"]


async def test_an_empty_group_is_no_error(cluster: Cluster) -> None:
    answer = await Gateway(cluster.client).send()
    assert (answer.status_code, answer.json()["alerts"]) == (200, [])


async def test_path_method_and_content_type_are_checked(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client, bounds=Bounds(body_bytes=1000))
    body = json.dumps(notification()).encode()
    assert (await gateway.post(body, "/alertmanager/")).status_code == 200
    assert (await gateway.post(body, "/")).status_code == 404
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = await gateway.http.request(method, "/alertmanager")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await gateway.post(body, content_type="application/json; charset=utf-8")).status_code == 200
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert (await gateway.post(body, content_type=content_type)).status_code == 415
    assert (await gateway.post(body, content_encoding="gzip")).status_code == 415


async def test_bodies_are_bounded_whatever_their_head_says(cluster: Cluster) -> None:
    gateway = Gateway(cluster.client, bounds=Bounds(body_bytes=1000))
    assert (await gateway.post(b"x" * 1001)).status_code == 413

    async def chunks() -> Any:
        for _ in range(10):
            yield b"x" * 200

    answer = await gateway.http.post("/alertmanager", content=chunks(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert (await gateway.post(b"{}", content_length="9" * 5000)).status_code == 413


async def raw(gateway: Gateway, *messages: dict[str, Any], **scope: Any) -> list[dict[str, Any]]:
    """What is answered to messages after which nothing comes."""
    sent: list[dict[str, Any]] = []
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    await gateway.app(
        {"type": "http", "method": "POST", "path": "/alertmanager", "headers": headers} | scope, receive, send
    )
    return sent


async def test_a_body_that_does_not_come_ends_in_408_and_a_client_that_hangs_up_in_nothing(cluster: Cluster) -> None:
    gateway = Gateway(cluster.client)
    began = anyio.current_time()
    answer = await raw(gateway, {"type": "http.request", "body": b"{", "more_body": True})
    assert answer[0]["status"] == 408
    assert anyio.current_time() - began == pytest.approx(10, abs=0.5)
    assert await raw(gateway, {"type": "http.disconnect"}) == []


async def test_what_may_pass_is_answered_with_503_and_what_is_done_stays_done(cluster: Cluster) -> None:
    await prepare(cluster, "shop", "cart")
    gateway = Gateway(cluster.client)
    kind, told = RemediationRequest, [alert(fingerprint="a"), alert(fingerprint="b", namespace="cart")]
    faults = [
        cluster.faults.add(Fault.status(503, retry_after=7), verb="create", resource=kind, namespace="cart"),
    ]
    answer = await gateway.send(*told)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert [each["outcome"] for each in answer.json()["alerts"]] == ["created", "failed"]
    cluster.faults.remove(faults[0])
    answer = await gateway.send(*told)
    assert answer.status_code == 200
    assert [each["outcome"] for each in answer.json()["alerts"]] == ["duplicate", "created"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(429, retry_after=3),
        Fault.status(500),
        Fault.status(504),
        Fault.status(401),
        Fault.refused(),
        Fault.timeout(1),
        Fault.answer_lost(1),
        Fault.status(403, message='cannot create resource "remediationrequests" in API group'),
        Fault.status(403, message="exceeded quota: requests, used: 10, limited: 10"),
    ],
    ids=str,
)
async def test_every_fault_that_may_pass_heals_without_a_second_request(cluster: Cluster, fault: Fault) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    rule = cluster.faults.add(fault, verb="create", resource=RemediationRequest)
    answer = await gateway.send(alert())
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    cluster.faults.remove(rule)
    assert (await gateway.send(alert())).status_code == 200
    assert len(await requests(cluster)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(422, message="spec.target.name: Too long"),
        Fault.status(400),
        Fault.status(403, message='admission webhook "policy.example" denied the request'),
        Fault.status(
            403,
            message="unable to create new content in namespace shop because it is being terminated",
            details={"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]},
        ),
    ],
    ids=str,
)
async def test_what_would_be_refused_again_is_answered_with_200(cluster: Cluster, fault: Fault) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client)
    cluster.faults.add(fault, verb="create", resource=RemediationRequest)
    assert await gateway.outcomes(alert()) == ["refused"]
    assert gateway.count("alerts_total", source="alertmanager", outcome="refused") == 1


async def test_a_definition_that_is_not_there_yet_is_waited_for(cluster: Cluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    gateway = Gateway(cluster.client)
    assert (await gateway.send(alert())).status_code == 503
    assert (await gateway.send(alert(status="resolved"))).status_code == 503
    await prepare(cluster, "cart")
    assert await gateway.outcomes(alert()) == ["created"]


async def test_an_answer_that_no_api_server_gives_is_tried_again(cluster: Cluster) -> None:
    class Proxied(Client):
        async def get(self, kind: Any, name: str, *, namespace: str | None = None) -> Any:
            return kind.from_json(b"<html>502</html>")

    async with Proxied(InProcessTransport(None)) as client:  # type: ignore[arg-type]
        answer = await Gateway(client).send(alert())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "cannot be read" in answer.json()["alerts"][0]["message"]


async def test_what_takes_too_long_is_answered_in_time(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client, bounds=Bounds(seconds=5))
    cluster.faults.add(Fault.hang(), verb="create", resource=RemediationRequest, nth=2)
    began = anyio.current_time()
    answer = await gateway.send(alert(fingerprint="a"), alert(fingerprint="b"))
    assert anyio.current_time() - began == pytest.approx(5, abs=0.5)
    assert answer.status_code == 503
    assert sorted(each["outcome"] for each in answer.json()["alerts"]) == ["created", "failed"]
    assert await gateway.outcomes(alert(fingerprint="a"), alert(fingerprint="b"))
    assert len(await requests(cluster)) == 2


async def test_beyond_its_places_and_its_queue_a_gateway_says_come_again(cluster: Cluster) -> None:
    await prepare(cluster)
    gateway = Gateway(cluster.client, bounds=Bounds(at_once=2, queue=3, seconds=1000))
    hang = cluster.faults.add(Fault.hang(), verb="get", resource=RemediationRequest)
    codes: list[int] = []

    async def send(number: int) -> None:
        answer = await gateway.send(alert(fingerprint=str(number)))
        codes.append(answer.status_code)
        if answer.status_code != 200:
            assert answer.headers["retry-after"] == "5"

    async with anyio.create_task_group() as group:
        for number in range(9):
            group.start_soon(send, number)
        await anyio.sleep(1)
        assert codes == [503] * 4
        assert (gateway.count("requests_in_flight"), gateway.count("requests_waiting")) == (2, 3)
        cluster.faults.remove(hang)
    assert codes == [503] * 4 + [200] * 5
    assert (gateway.count("requests_in_flight"), gateway.count("requests_waiting")) == (0, 0)
    assert len(await requests(cluster)) == 5


async def test_who_is_not_let_in_is_told_so_before_anything_else(cluster: Cluster) -> None:
    for refusal, status, header in (
        (Refusal(401, "no"), 401, ("www-authenticate", 'Bearer realm="kubernaut"')),
        (Refusal(403, "no"), 403, ("www-authenticate", 'Bearer realm="kubernaut", error="insufficient_scope"')),
        (Refusal(500, "no"), 503, ("retry-after", "5")),
        (Refusal(503, "no"), 503, ("retry-after", "5")),
    ):

        async def refuse(scope: Any, refusal: Refusal = refusal) -> Refusal:
            return refusal

        gateway = Gateway(cluster.client, authenticate=refuse)
        for path in ("/alertmanager", "/"):
            answer = await gateway.http.get(path)
            assert (answer.status_code, answer.headers[header[0]]) == (status, header[1])
            assert answer.json() == {"error": "no"}
