"""Webhooks end to end: over TLS on a real loop, through a change of the certificate."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from kubernaut.reconcile.serving import HttpServer, compose, tls
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied, ValidatingWebhook, webhooks_app
from tests.reconcile.serving.helpers import files, install, shown_by, trusting
from tests.reconcile.webhooks.reviews import Gadget, gadget, review

PATH = "/validate-example-dev-v1-gadget"


def refuse(request: AdmissionRequest[Gadget]) -> None:
    raise Denied("not today")


async def ask(url: str, body: Any = None) -> httpx.Response:
    async with httpx.AsyncClient(verify=trusting("first", "second")) as client:
        return await client.post(f"{url}{PATH}?timeout=10s", json=body or review(gadget()))


async def test_a_webhook_is_served_over_tls_and_its_certificate_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "CHECK_INTERVAL", 0.0)
    app = webhooks_app([ValidatingWebhook(Gadget, refuse)])
    async with HttpServer(app, "127.0.0.1:0", tls=files(tmp_path)) as server:
        first = await shown_by(server.port)
        answer = await ask(server.url)
        assert (answer.status_code, answer.json()["response"]["status"]["message"]) == (200, "not today")
        install(tmp_path, "second")
        assert await shown_by(server.port) != first
        assert (await ask(server.url)).status_code == 200


async def test_a_large_review_and_many_at_once_are_answered_over_tls(tmp_path: Path) -> None:
    app = webhooks_app([ValidatingWebhook(Gadget, refuse)])
    large = gadget(note="x" * 3 * 1024 * 1024)
    async with HttpServer(app, "127.0.0.1:0", tls=files(tmp_path)) as server:
        assert (await ask(server.url, review(large, large))).status_code == 200
        assert (await ask(server.url, review({**large, "more": "x" * 5 * 1024 * 1024}))).status_code == 413
        answers = await asyncio.gather(*(ask(server.url) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}


async def test_webhooks_share_a_server_with_other_applications() -> None:
    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    hooks = webhooks_app([ValidatingWebhook(Gadget, refuse)])
    app = compose({"/hello": hello, **dict.fromkeys(hooks.paths, hooks)})
    async with HttpServer(app, "127.0.0.1:0") as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/hello")).text == "hello"
        assert (await client.post(f"{server.url}{PATH}", json=review(gadget()))).status_code == 200
