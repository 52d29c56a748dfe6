"""Several applications on one server: by path, and by address."""

import httpx
import pytest

from kubernaut.reconcile.serving import Endpoint, TlsFiles, compose, servers_for
from tests.reconcile.serving.helpers import PEM, get, hello, says

TLS = TlsFiles(PEM / "first.crt", PEM / "first.key")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/healthz", "probes /healthz"),
        ("/healthz/ping", "probes /healthz/ping"),
        ("/healthz/deep/one", "deep /healthz/deep/one"),
        ("/metrics?name[]=x", "metrics /metrics"),
    ],
)
async def test_the_longest_path_that_fits_answers(path: str, answer: str) -> None:
    app = compose({"/healthz": says("probes"), "/healthz/deep": says("deep"), "/metrics/": says("metrics")})
    assert (await get(app, path)).text == answer


@pytest.mark.virtual_time
@pytest.mark.parametrize("path", ["/", "/healthzz", "/other", "/metric"])
async def test_a_path_that_fits_nothing_is_not_found(path: str) -> None:
    app = compose({"/healthz": says("probes"), "/metrics": says("metrics")})
    assert (await get(app, path)).status_code == 404


@pytest.mark.virtual_time
async def test_the_root_takes_the_rest() -> None:
    app = compose({"/healthz": says("probes"), "/": says("rest")})
    assert (await get(app, "/")).text == "rest /"
    assert (await get(app, "/healthzz")).text == "rest /healthzz"
    assert (await get(app, "/healthz")).text == "probes /healthz"


def test_paths_begin_with_a_slash_and_are_given_once() -> None:
    with pytest.raises(ValueError, match="begins with a slash, not 'metrics'"):
        compose({"metrics": hello})
    with pytest.raises(ValueError, match="the path '/metrics' is given twice"):
        compose({"/metrics": hello, "/metrics/": hello})


async def test_one_address_given_for_several_applications_is_one_server() -> None:
    servers = servers_for(
        [
            Endpoint("metrics_bind", "127.0.0.1:8080", {"/metrics": says("metrics")}),
            Endpoint("health_bind", "127.0.0.1:8080", {"/healthz": says("probes")}),
            Endpoint("webhook_bind", "127.0.0.1:9443", {"/": says("hooks")}, TLS),
        ]
    )
    assert [(server.name, str(server.bind), server.tls) for server in servers] == [
        ("metrics_bind and health_bind", "127.0.0.1:8080", None),
        ("webhook_bind", "127.0.0.1:9443", TLS),
    ]
    shared = servers[0].app
    assert (await get(shared, "/metrics")).text == "metrics /metrics"
    assert (await get(shared, "/healthz")).text == "probes /healthz"


def test_no_address_is_no_server() -> None:
    assert servers_for([Endpoint("metrics_bind", bind, {"/metrics": hello}) for bind in ("0", "", None)]) == []


async def test_each_free_port_is_one_of_its_own() -> None:
    endpoints = [Endpoint(name, "127.0.0.1:0", {"/": says(name)}) for name in ("metrics_bind", "health_bind")]
    first, second = servers_for(endpoints)
    async with first, second, httpx.AsyncClient(trust_env=False) as client:
        assert first.port != second.port
        assert (await client.get(f"{second.url}/x")).text == "health_bind /x"


def test_what_contradicts_itself_is_refused_and_the_fields_named() -> None:
    metrics = Endpoint("metrics_bind", ":8080", {"/metrics": hello})
    with pytest.raises(ValueError, match="metrics_bind and health_bind: both serve /metrics on :8080"):
        servers_for([metrics, Endpoint("health_bind", ":8080", {"/metrics": hello})])
    with pytest.raises(ValueError, match="metrics_bind and webhook_bind: both listen on :8080, with different TLS"):
        servers_for([metrics, Endpoint("webhook_bind", ":8080", {"/": hello}, TLS)])
    with pytest.raises(ValueError, match="health_bind: '8080' is no address"):
        servers_for([metrics, Endpoint("health_bind", "8080", {"/": hello})])
