"""Webhooks over HTTP: paths, limits, time-outs, and what is answered to requests that are none."""

import asyncio
from contextvars import ContextVar
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    Conversion,
    ConversionWebhook,
    Denied,
    MutatingWebhook,
    Registration,
    ValidatingWebhook,
    WebhooksApp,
    webhooks_app,
)
from tests.reconcile.webhooks.reviews import Gadget, gadget, operations, post, review
from tests.reconcile.webhooks.test_conversion import SPOKES, TaskV2, task
from tests.reconcile.webhooks.test_conversion import review as conversion_review

pytestmark = pytest.mark.virtual_time

CHECK, DEFAULT, CONVERT = "/validate-example-dev-v1-gadget", "/mutate-example-dev-v1-gadget", "/convert"


def limit(request: AdmissionRequest[Gadget]) -> None:
    if request.target.spec.size > 10:
        raise Denied("too large")


def paint(request: AdmissionRequest[Gadget]) -> None:
    request.target.spec.color = "red"


@pytest.fixture
def app() -> WebhooksApp:
    conversion = ConversionWebhook(Conversion(TaskV2, *SPOKES))
    return webhooks_app([ValidatingWebhook(Gadget, limit), MutatingWebhook(Gadget, paint), conversion])


def slow(seconds: float, **options: Any) -> WebhooksApp:
    async def check(request: AdmissionRequest[Gadget]) -> None:
        await asyncio.sleep(seconds)

    return webhooks_app([ValidatingWebhook(Gadget, check, **options)])


async def test_each_webhook_answers_at_its_path(app: WebhooksApp) -> None:
    assert app.paths == (CHECK, DEFAULT, CONVERT)
    checked = await post(app, CHECK, review(gadget(size=11)))
    assert (checked.status_code, checked.headers["content-type"]) == (200, "application/json")
    assert checked.json()["response"]["status"]["message"] == "too large"
    defaulted = await post(app, DEFAULT, review(gadget()))
    assert operations(defaulted.json()["response"]) == [{"op": "add", "path": "/spec/color", "value": "red"}]
    converted = await post(app, CONVERT, conversion_review("v2", task("v1")))
    assert converted.json()["response"]["convertedObjects"] == [task("v2")]


async def test_a_path_without_a_webhook_is_not_found(app: WebhooksApp) -> None:
    for path in ("/", f"{CHECK}/more", "/validate"):
        assert (await post(app, path, review(gadget()))).status_code == 404


async def test_a_given_path_takes_the_place_of_the_default() -> None:
    app = webhooks_app([ValidatingWebhook(Gadget, limit, path="/my/path")])
    assert (await post(app, "/my/path", review(gadget()))).status_code == 200
    assert (await post(app, CHECK, review(gadget()))).status_code == 404


def test_two_webhooks_at_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match=f"path: two webhooks are at {CHECK}"):
        webhooks_app([ValidatingWebhook(Gadget, limit), ValidatingWebhook(Gadget, limit)])


async def test_only_post_is_answered(app: WebhooksApp) -> None:
    for method in ("GET", "PUT", "DELETE"):
        response = await post(app, CHECK, review(gadget()), method=method)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("content_type", ["text/plain", "application/yaml", ""])
async def test_another_content_type_is_refused(app: WebhooksApp, content_type: str) -> None:
    response = await post(app, CHECK, review(gadget()), headers={"content-type": content_type})
    assert response.status_code == 415
    assert repr(content_type) in response.text


async def test_the_content_type_may_have_parameters(app: WebhooksApp) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await post(app, CHECK, review(gadget()), headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "the AdmissionReview has no request"),
        (b'{"kind":"Pod","apiVersion":"v1"}', "no AdmissionReview"),
    ],
)
async def test_a_malformed_review_is_a_bad_request_with_a_clear_text(app: WebhooksApp, body: bytes, text: str) -> None:
    response = await post(app, CHECK, body)
    assert response.status_code == 400
    assert text in response.text
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_review_with_two_objects_of_3_mib_is_read(app: WebhooksApp) -> None:
    large = gadget(size=1, note="x" * 3 * 1024 * 1024)
    assert (await post(app, CHECK, review(large, large))).status_code == 200


async def test_a_body_that_is_too_large_is_refused_and_not_read_for_ever(app: WebhooksApp) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 1024 * 1024

    response = await post(app, CHECK, b" " * (7 * 1024 * 1024 + 1))
    assert response.status_code == 413
    messages: list[Any] = []
    chunks = endless()

    async def receive() -> Any:
        return {"type": "http.request", "body": await anext(chunks), "more_body": True}

    async def send(message: Any) -> None:
        messages.append(message)

    headers = [(b"content-type", b"application/json")]
    await app({"type": "http", "method": "POST", "path": CHECK, "headers": headers}, receive, send)
    await chunks.aclose()
    assert (messages[0]["status"], sent) == (413, 15)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_waited_for(app: WebhooksApp) -> None:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    headers = [(b"content-type", b"application/json")]
    await app({"type": "http", "method": "POST", "path": CHECK, "headers": headers}, receive, send)
    assert messages[0]["status"] == 400


@pytest.mark.parametrize(
    ("query", "seconds", "status"),
    [("?timeout=10s", 9, 200), ("?timeout=10s", 11, 504), ("?timeout=1m0s", 59, 200), ("?timeout=500ms", 1, 504)],
)
async def test_a_handler_has_the_time_that_the_server_waits(query: str, seconds: float, status: int) -> None:
    began = asyncio.get_running_loop().time()
    response = await post(slow(seconds), CHECK + query, review(gadget()))
    assert response.status_code == status
    if status == 504:
        assert asyncio.get_running_loop().time() - began < seconds
        assert "took longer than" in response.text


async def test_without_a_time_in_the_request_the_registration_counts() -> None:
    assert (await post(slow(11), CHECK, review(gadget()))).status_code == 504
    longer = slow(11, registration=Registration(timeout=12))
    assert (await post(longer, CHECK, review(gadget()))).status_code == 200


@pytest.mark.parametrize("given", ["soon", "10", "-1s", "0s"])
async def test_a_time_that_is_none_is_a_bad_request(app: WebhooksApp, given: str) -> None:
    response = await post(app, f"{CHECK}?timeout={given}", review(gadget()))
    assert response.status_code == 400
    assert response.text.startswith("timeout: ")


async def test_reviews_are_answered_side_by_side() -> None:
    app = slow(5)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(post(app, CHECK, review(gadget())) for _ in range(20)))
    assert asyncio.get_running_loop().time() - began == 5


async def test_requests_are_counted_under_controller_runtimes_names() -> None:
    registry = CollectorRegistry()

    async def check(request: AdmissionRequest[Gadget]) -> None:
        text = generate_latest(registry).decode()
        assert f'controller_runtime_webhook_requests_in_flight{{webhook="{CHECK}"}} 1.0' in text
        await asyncio.sleep(0.5)

    app = webhooks_app([ValidatingWebhook(Gadget, check)], registry=registry)
    assert (await post(app, CHECK, review(gadget()))).json()["response"]["allowed"]
    await post(app, CHECK, b"{}")
    await post(app, "/nowhere", b"{}")
    text = generate_latest(registry).decode()
    labels = f'webhook="{CHECK}"'
    for code, count in (("200", 1), ("400", 1), ("500", 0)):
        assert f'controller_runtime_webhook_requests_total{{code="{code}",{labels}}} {count}.0' in text
    assert f"controller_runtime_webhook_requests_in_flight{{{labels}}} 0.0" in text
    assert f"controller_runtime_webhook_latency_seconds_count{{{labels}}} 2.0" in text
    assert f"controller_runtime_webhook_latency_seconds_sum{{{labels}}} 0.5" in text
    assert app.metrics is not None
    app.metrics.close()
    assert b"webhook" not in generate_latest(registry)


async def test_a_cancelled_request_is_counted_and_stays_cancelled() -> None:
    registry = CollectorRegistry()

    async def check(request: AdmissionRequest[Gadget]) -> None:
        await asyncio.sleep(5)

    app = webhooks_app([ValidatingWebhook(Gadget, check)], registry=registry)
    task = asyncio.create_task(post(app, CHECK, review(gadget())))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert f'requests_in_flight{{webhook="{CHECK}"}} 0.0' in generate_latest(registry).decode()


async def test_other_scopes_are_passed_over(app: WebhooksApp) -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError

    await app({"type": "lifespan"}, never, never)


async def test_an_answer_is_json_of_the_reviews_version(app: WebhooksApp) -> None:
    answer = await post(app, CHECK, review(gadget(), version="v1beta1"))
    assert msgspec.json.decode(answer.content)["apiVersion"] == "admission.k8s.io/v1beta1"


async def test_what_a_middleware_binds_to_the_context_a_handler_sees() -> None:
    agent: ContextVar[str] = ContextVar("agent")
    seen: list[str] = []
    app = webhooks_app([ValidatingWebhook(Gadget, lambda request: seen.append(agent.get()))])

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        agent.set(dict(scope["headers"])[b"user-agent"].decode())
        await app(scope, receive, send)

    await post(middleware, CHECK, review(gadget()), headers={"user-agent": "server/1"})
    assert seen == ["server/1"]


async def test_a_connection_that_breaks_while_it_is_answered_is_answered_once(app: WebhooksApp) -> None:
    sent = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": msgspec.json.encode(review(gadget()))}

    async def send(message: Any) -> None:
        nonlocal sent
        sent += 1
        raise BrokenPipeError

    headers = [(b"content-type", b"application/json")]
    with pytest.raises(BrokenPipeError):
        await app({"type": "http", "method": "POST", "path": CHECK, "headers": headers}, receive, send)
    assert sent == 1
