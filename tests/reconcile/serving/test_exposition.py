"""The metrics endpoint, as in controller-runtime's pkg/metrics/server and the manager's tests of it."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.serving import Refusal, Scope, compose, metrics_app
from kubernaut.reconcile.serving.asgi import guarded
from tests.reconcile.serving.helpers import get, says

pytestmark = pytest.mark.virtual_time


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("test_one", "test metric for testing", registry=registry).inc()
    Gauge("test_two", "another", registry=registry).set(2)
    return registry


async def test_the_registry_is_served_as_text(registry: CollectorRegistry) -> None:
    answer = await get(metrics_app(registry), "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# HELP test_one_total test metric for testing\n# TYPE test_one_total counter\ntest_one_total 1.0\n" in (
        answer.text
    )


async def test_openmetrics_is_served_to_those_who_ask_for_it() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1).observe("success", 0.1)
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    answer = await get(metrics_app(metrics.registry), "/metrics", accept=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    found = {family.name: family.type for family in openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert found["controller_runtime_reconcile"] == "counter"
    assert found["controller_runtime_reconcile_time_seconds"] == "histogram"


async def test_the_text_can_be_read_back() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1).observe("error", 0.1)
    families = list(plain((await get(metrics_app(metrics.registry), "/metrics")).text))
    total = next(family for family in families if family.name == "controller_runtime_reconcile_errors")
    assert [(sample.labels, sample.value) for sample in total.samples] == [({"controller": "widget"}, 1.0)]


async def test_one_name_may_be_picked(registry: CollectorRegistry) -> None:
    answer = await get(metrics_app(registry), "/metrics?name[]=test_two")
    assert "test_two 2.0" in answer.text
    assert "test_one" not in answer.text


async def test_nothing_but_the_metrics_is_served(registry: CollectorRegistry) -> None:
    for path in ("/", "/metrics/deeper", "/should-not-exist", "/debug/pprof"):
        assert (await get(metrics_app(registry), path)).status_code == 404
    assert (await get(metrics_app(registry, path="/other"), "/other")).status_code == 200


async def test_other_applications_may_stand_beside_it(registry: CollectorRegistry) -> None:
    app = compose({"/metrics": metrics_app(registry), "/debug": says("some debug info")})
    assert (await get(app, "/debug")).text == "some debug info /debug"
    assert (await get(app, "/metrics")).status_code == 200


async def test_the_metrics_are_read_only(registry: CollectorRegistry) -> None:
    refused = await get(metrics_app(registry), "/metrics", "PUT")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert (await get(metrics_app(registry), "/metrics", "HEAD")).status_code == 200


async def test_a_refusal_is_the_answer(registry: CollectorRegistry) -> None:
    async def nobody(scope: Scope) -> Refusal | None:
        return {"/metrics": Refusal(401, "Unauthorized")}.get(scope["path"])

    answer = await get(metrics_app(registry, nobody), "/metrics", "PUT")
    assert (answer.status_code, answer.text, answer.headers["www-authenticate"]) == (401, "Unauthorized\n", "Bearer")


async def test_who_is_let_in_sees_the_metrics(registry: CollectorRegistry) -> None:
    async def everybody(scope: Scope) -> Refusal | None:
        return None

    assert (await get(metrics_app(registry, everybody), "/metrics")).status_code == 200


async def test_the_answer_is_compressed_for_those_who_accept_it(registry: CollectorRegistry) -> None:
    plainly = await get(metrics_app(registry), "/metrics", accept_encoding="identity")
    assert "content-encoding" not in plainly.headers
    compressed = await get(metrics_app(registry), "/metrics", accept_encoding="gzip")
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.content == plainly.content


async def test_a_metric_that_cannot_be_read_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    Gauge("broken", "raises", registry=registry).set_function(lambda: 1 / 0)
    answer = await get(guarded(metrics_app(registry)), "/metrics")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in caplog.text
