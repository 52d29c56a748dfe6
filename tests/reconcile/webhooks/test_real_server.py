"""A real API server takes our manifests, calls the webhooks over TLS, and heeds what they answer."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from kubernaut.client import StatusCause
from kubernaut.reconcile.serving import HttpServer
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    AdmissionResponse,
    Conversion,
    ConversionWebhook,
    Denied,
    MutatingWebhook,
    RawWebhook,
    Registration,
    ValidatingWebhook,
    conversion_stanza,
    webhook_configurations,
    webhooks_app,
)
from kubernaut.resources import crd_for
from tests.envtest import api_server, needs_envtest
from tests.reconcile.serving.helpers import PEM, files
from tests.reconcile.webhooks.reviews import Gadget
from tests.reconcile.webhooks.test_conversion import SPOKES, TaskV1, TaskV2, TaskV3

pytestmark = needs_envtest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1"
GADGETS = "/apis/example.dev/v1/namespaces/default/gadgets"
TASKS = "/apis/jobs.example.dev/{}/namespaces/default/tasks"


def paint(request: AdmissionRequest[Gadget]) -> None:
    spec = request.target.spec
    if spec.color is None:
        spec.color = "red"
        request.warn("a gadget has a color: red it is")


async def check(request: AdmissionRequest[Gadget]) -> None:
    if request.operation == "DELETE" and request.target.metadata.labels.get("keep"):
        raise Denied("this one stays")
    if request.target.spec.size == 99:
        await asyncio.sleep(3600)
    if request.target.spec.size > 10:
        causes = [StatusCause("FieldValueInvalid", "at most 10", "spec.size")]
        raise Denied("too large", reason="Invalid", code=422, causes=causes)


def nobody_connects(request: AdmissionRequest[dict[str, Any]]) -> AdmissionResponse:
    raise Denied(f"no {request.subresource} for {request.user.username}")


def webhooks() -> list[Any]:
    always = Registration(operations=("CREATE", "UPDATE", "DELETE"), timeout=1)
    tasks = Conversion(TaskV2, *SPOKES)
    exec_only = Registration(groups=("",), versions=("v1",), resources=("pods/exec",), operations=("CONNECT",))
    return [
        MutatingWebhook(Gadget, paint),
        ValidatingWebhook(Gadget, check, registration=always),
        RawWebhook("/exec", nobody_connects, registration=exec_only),
        ConversionWebhook(tasks),
    ]


async def post(client: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    return response


async def served(client: httpx.AsyncClient, path: str) -> None:
    for _ in range(100):
        if (await client.get(path)).status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} is not served")


async def put_up(client: httpx.AsyncClient, url: str, ca: str) -> None:
    """CRDs and configurations, and a wait until the server heeds them."""
    hooks = webhooks()
    tasks = crd_for(TaskV2, TaskV1, TaskV3)
    tasks["spec"]["conversion"] = conversion_stanza(hooks[-1], url=url, ca_bundle=ca)
    for crd in (tasks, crd_for(Gadget)):
        await post(client, CRDS, crd)
    for manifest in webhook_configurations("gadgets", hooks, url=url, ca_bundle=ca):
        await post(client, f"{REGISTRATIONS}/{manifest['kind'].lower()}s", manifest)
    for path in (GADGETS, TASKS.format("v1"), TASKS.format("v3")):
        await served(client, path)
    probe = {"apiVersion": "example.dev/v1", "kind": "Gadget", "metadata": {"name": "probe"}, "spec": {"size": 11}}
    for _ in range(100):
        if (await client.post(GADGETS, params={"dryRun": "All"}, json=probe)).status_code == 422:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the webhooks are not called")


def gadget(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "example.dev/v1", "kind": "Gadget", "metadata": metadata, "spec": spec}


async def test_a_real_server_heeds_the_webhooks(tmp_path: Path) -> None:
    server = HttpServer(webhooks_app(webhooks()), "127.0.0.1:0", tls=files(tmp_path))
    async with server, api_server(tmp_path) as client:
        await put_up(client, server.url, (PEM / "first.crt").read_text())
        await admits(client)
        await converts(client)


async def admits(client: httpx.AsyncClient) -> None:
    made = await post(client, GADGETS, gadget("a", {"keep": "yes"}, size=3))
    assert made.json()["spec"] == {"size": 3, "color": "red"}
    assert "red it is" in made.headers["warning"]
    refused = await client.post(GADGETS, json=gadget("b", size=11))
    status = refused.json()
    assert (refused.status_code, status["reason"]) == (422, "Invalid")
    assert "too large" in status["message"]
    assert status["details"]["causes"] == [
        {"reason": "FieldValueInvalid", "message": "at most 10", "field": "spec.size"}
    ]
    kept = await client.delete(f"{GADGETS}/a")
    assert (kept.status_code, "this one stays" in kept.text) == (403, True)
    late = await client.post(GADGETS, json=gadget("c", size=99))
    assert late.status_code == 500
    assert "failed calling webhook" in late.text, "for failurePolicy to decide"
    patched = await client.patch(
        f"{GADGETS}/a", content=b'{"spec":{"size":4}}', headers={"content-type": "application/merge-patch+json"}
    )
    assert (patched.status_code, patched.json()["spec"]["size"]) == (200, 4)


async def converts(client: httpx.AsyncClient) -> None:
    body = {"kind": "Task", "metadata": {"name": "a"}}
    await post(client, TASKS.format("v1"), {**body, "apiVersion": "jobs.example.dev/v1", "spec": {"runAt": "noon"}})
    for version, field in (("v1", "runAt"), ("v2", "scheduleAt"), ("v3", "deferredAt")):
        one = (await client.get(f"{TASKS.format(version)}/a")).json()
        assert (one["apiVersion"], one["spec"]) == (f"jobs.example.dev/{version}", {field: "noon"})
        items = (await client.get(TASKS.format(version))).json()["items"]
        assert [item["spec"] for item in items] == [{field: "noon"}]
    never = {**body, "apiVersion": "jobs.example.dev/v1", "metadata": {"name": "n"}, "spec": {"runAt": "never"}}
    refused = await client.post(TASKS.format("v1"), json=never)
    assert refused.status_code == 500
    assert "never cannot be said in v2" in refused.text
