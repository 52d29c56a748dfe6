"""Webhooks made with kubernaut.reconcile.webhooks against the fake API server: in process, and over HTTPS."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubernaut.client import ApiError, Client
from kubernaut.fake import FakeCluster
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.serving import HttpServer, IssuedTls
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    Conversion,
    ConversionWebhook,
    Denied,
    MutatingWebhook,
    ServiceReference,
    Spoke,
    ValidatingWebhook,
    WebhooksApp,
    conversion_stanza,
    webhook_configurations,
    webhooks_app,
)
from kubernaut.reconcile.webhooks.certificates.x509 import make_authority, make_server
from kubernaut.resources import Model, ObjectMeta, Resource, crd_for
from kubernaut.timing import hold
from tests.fake.admission.asking import HOOKS, Asker, Object
from tests.reconcile.serving.helpers import PEM, files

SERVICE = ServiceReference("hooks", "default")


class PlateSpec(Model):
    size: int = 1
    color: str | None = None


class Plate(Resource, group="example.dev", version="v2"):
    spec: PlateSpec = PlateSpec()


class OldSpec(Model):
    width: int = 1


class OldPlate(Resource, group="example.dev", version="v1", kind="Plate", plural="plates"):
    spec: OldSpec = OldSpec()


def color(request: AdmissionRequest[Plate]) -> None:
    request.target.spec.color = request.target.spec.color or "white"


def check(request: AdmissionRequest[Plate]) -> None:
    if request.target.spec.size > 10:
        raise Denied("too large for the table")
    if request.target.spec.size > 5:
        request.warn("rather large")


def newer(old: OldPlate) -> Plate:
    return Plate(spec=PlateSpec(size=old.spec.width))


def older(plate: Plate) -> OldPlate:
    return OldPlate(spec=OldSpec(width=plate.spec.size))


ADMISSION = [MutatingWebhook(Plate, color), ValidatingWebhook(Plate, check)]
CONVERSION = ConversionWebhook(Conversion(Plate, Spoke(OldPlate, newer, older)))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def application() -> WebhooksApp:
    return webhooks_app([*ADMISSION, CONVERSION])


def two_versions() -> Object:
    crd: Object = crd_for(Plate)
    crd["spec"]["versions"].append({**crd_for(OldPlate)["spec"]["versions"][0], "storage": False})
    crd["spec"]["conversion"] = conversion_stanza(CONVERSION, service=SERVICE)
    return crd


@pytest.fixture
async def installed(cluster: FakeCluster) -> AsyncIterator[Client]:
    cluster.server.route_webhook(HOOKS, application())
    await cluster.load([two_versions(), *webhook_configurations("plates", ADMISSION, service=SERVICE)])
    yield cluster.client


def plate(name: str, size: int) -> Plate:
    return Plate(metadata=ObjectMeta(name=name, namespace="default"), spec=PlateSpec(size=size))


async def test_defaults_and_denials_in_process(installed: Client) -> None:
    made = await installed.create(plate("a", 3))
    assert made.spec.color == "white"
    with pytest.raises(ApiError) as caught:
        await installed.create(plate("b", 11))
    name = "validate-v2.plates.example.dev"
    assert str(caught.value.message) == f'admission webhook "{name}" denied the request: too large for the table'
    assert caught.value.code == 403


async def test_versions_convert_in_process(installed: Client) -> None:
    await installed.create(plate("a", 3))
    assert (await installed.get(OldPlate, "a", namespace="default")).spec.width == 3
    assert [each.spec.width for each in await installed.list(OldPlate, namespace="default")] == [3]


async def test_webhooks_are_called_over_https_with_their_ca(tmp_path: Path) -> None:
    ask = Asker(ApiServer(seed=1))
    async with HttpServer(application(), "127.0.0.1:0", tls=files(tmp_path)) as server:
        ca = (PEM / "first.crt").read_text()
        manifests = webhook_configurations("plates", ADMISSION, url=server.url, ca_bundle=ca)
        crd = two_versions()
        crd["spec"]["conversion"] = conversion_stanza(CONVERSION, url=server.url, ca_bundle=ca)
        await ask.post(CRDS, crd)
        for manifest in manifests:
            plural = f"{manifest['kind'].lower()}s"
            await ask.post(f"/apis/admissionregistration.k8s.io/v1/{plural}", manifest)
        plates = "/apis/example.dev/v2/namespaces/default/plates"
        made = await ask.post(plates, {"metadata": {"name": "a"}, "spec": {"size": 6}})
        assert (made["spec"]["color"], ask.warnings) == ("white", ["rather large"])
        code, body = await ask("POST", plates, {"metadata": {"name": "b"}, "spec": {"size": 11}})
        assert (code, body["message"].rpartition(": ")[2]) == (403, "too large for the table")
        assert (await ask.get("/apis/example.dev/v1/namespaces/default/plates/a"))["spec"] == {"width": 6}


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("second", "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        (None, "connect: connection refused"),
    ],
)
async def test_a_server_that_cannot_be_trusted_or_reached_fails_the_request(
    tmp_path: Path, which: str | None, text: str
) -> None:
    ask = Asker(ApiServer(seed=1))
    async with HttpServer(application(), "127.0.0.1:0", tls=files(tmp_path)) as server:
        url, ca = server.url, (PEM / f"{which or 'first'}.crt").read_bytes()
        if which is not None:
            body = await _refused(ask, url, ca)
    if which is None:
        body = await _refused(ask, url, ca)
    assert body["message"].startswith("Internal error occurred: failed calling webhook")
    assert body["message"].endswith(text)


async def test_a_certificate_that_has_ended_fails_the_request() -> None:
    ask = Asker(ApiServer(seed=1))
    began = datetime(2020, 1, 1, tzinfo=UTC)
    issuer = make_authority("test", began, timedelta(days=36500))
    ended = make_server(issuer, ["127.0.0.1"], began, timedelta(days=90))
    tls = IssuedTls("test")
    tls.put(ended.certificate, ended.key)
    async with HttpServer(application(), "127.0.0.1:0", tls=tls) as server:
        body = await _refused(ask, server.url, issuer.certificate)
    assert body["message"].endswith("x509: certificate has expired or is not yet valid")


async def test_a_service_is_reached_by_a_route_to_a_port(tmp_path: Path) -> None:
    ask = Asker(ApiServer(seed=1))
    async with HttpServer(application(), "127.0.0.1:0") as server:
        ask.server.route_webhook(HOOKS, server.url)
        await ask.post(CRDS, two_versions())
        (mutating, _) = webhook_configurations("plates", ADMISSION, service=SERVICE)
        await ask.post("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", mutating)
        made = await ask.post("/apis/example.dev/v2/namespaces/default/plates", {"metadata": {"name": "a"}, "spec": {}})
        assert made["spec"]["color"] == "white"


async def _refused(ask: Asker, url: str, ca: bytes) -> Object:
    hook = {
        "name": "check.example.com",
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "clientConfig": {"url": f"{url}/x", "caBundle": base64.b64encode(ca).decode()},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    configuration = {"metadata": {"name": "c"}, "webhooks": [hook]}
    await ask.post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", configuration)
    code, body = await ask("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}})
    assert code == 500
    return body


@pytest.mark.virtual_time
async def test_time_stands_still_while_a_webhook_is_called_over_http() -> None:
    ask = Asker(ApiServer(seed=1))
    with hold():
        async with HttpServer(application(), "127.0.0.1:0") as server:
            ask.server.route_webhook(HOOKS, server.url)
            await ask.post(CRDS, two_versions())
            (mutating, _) = webhook_configurations("plates", ADMISSION, service=SERVICE)
            await ask.post("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", mutating)
            url = "/apis/example.dev/v2/namespaces/default/plates"
            assert (await ask.post(url, {"metadata": {"name": "a"}, "spec": {}}))["spec"]["color"] == "white"
