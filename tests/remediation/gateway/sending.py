"""Alertmanager's notifications, as its documentation shows them, and whoever sends them."""

from __future__ import annotations

import copy
from typing import Any

import httpx

from kubernaut.client import Client
from kubernaut.remediation.gateway import AlertmanagerWebhook, Bounds, GatewayConfig, GatewayMetrics, Intake
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.testing import Cluster

STARTED, LATER, ENDED = "2024-01-01T00:00:00.123Z", "2024-01-01T02:00:00Z", "2024-01-01T00:30:00Z"
NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager sends as the end of what has none."""


def alert(
    name: str = "KubeDeploymentReplicasMismatch",
    *,
    fingerprint: str = "5ef77f1f8a3ecfcd",
    status: str = "firing",
    starts: str = STARTED,
    **labels: str,
) -> dict[str, Any]:
    """One alert about the Deployment shop/web, unless labels say otherwise; a label that is "" is left out."""
    given = {"alertname": name, "namespace": "shop", "deployment": "web", "severity": "critical"} | labels
    return {
        "status": status,
        "labels": {key: value for key, value in given.items() if value},
        "annotations": {"summary": "Deployment has not matched the expected number of replicas.", "runbook_url": "…"},
        "startsAt": starts,
        "endsAt": ENDED if status == "resolved" else NEVER,
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up&g0.tab=1",
        "fingerprint": fingerprint,
    }


def notification(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a webhook gets: version 4."""
    firing = any(each.get("status") == "firing" for each in alerts)
    return {
        "receiver": "kubernaut",
        "status": "firing" if firing else "resolved",
        "alerts": copy.deepcopy(list(alerts)),
        "groupLabels": {"alertname": "KubeDeploymentReplicasMismatch"},
        "commonLabels": {"alertname": "KubeDeploymentReplicasMismatch", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="KubeDeploymentReplicasMismatch"}',
        "truncatedAlerts": 0,
    } | changes


class Gateway:
    """One replica, and a client of it."""

    def __init__(
        self, client: Client, config: GatewayConfig | None = None, bounds: Bounds | None = None, **more: Any
    ) -> None:
        self.metrics = GatewayMetrics()
        self.intake = Intake(config or GatewayConfig())
        self.app = AlertmanagerWebhook(client, self.intake, self.metrics, bounds=bounds, **more)
        transport = httpx.ASGITransport(app=self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def post(self, content: bytes, path: str = "/alertmanager", **headers: str) -> httpx.Response:
        given = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.http.post(path, content=content, headers={k: v for k, v in given.items() if v})

    async def send(self, *alerts: dict[str, Any], **changes: Any) -> httpx.Response:
        return await self.http.post("/alertmanager", json=notification(*alerts, **changes))

    async def outcomes(self, *alerts: dict[str, Any], **changes: Any) -> list[str]:
        """What came of each alert of an answer that is 200."""
        answer = await self.send(*alerts, **changes)
        assert answer.status_code == 200, answer.text
        return [each["outcome"] for each in answer.json()["alerts"]]

    def count(self, name: str, **labels: str) -> float:
        samples = [sample for family in self.metrics.collect() for sample in family.samples]
        found = [each.value for each in samples if each.name == f"kubernaut_gateway_{name}" and each.labels == labels]
        return sum(found)


async def prepare(cluster: Cluster, *namespaces: str) -> None:
    """The definition, and the namespaces."""
    await cluster.load(crd_for(RemediationRequest))
    for name in namespaces or ("shop",):
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": name}}))
    await cluster.settled()


async def requests(cluster: Cluster) -> list[RemediationRequest]:
    """All there are."""
    return list(await cluster.client.list(RemediationRequest))


async def only(cluster: Cluster) -> RemediationRequest:
    """The one there is."""
    (request,) = await requests(cluster)
    return request
