"""What a running manager serves: metrics, liveness, readiness; on real sockets and an ordinary loop."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry

from kubernaut.client import Client
from kubernaut.reconcile import Context, Controller, LeaderElection, Manager, Request, TerminalError, Watch
from kubernaut.reconcile.serving import BindError
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied, ValidatingWebhook
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget


async def fetch(url: str) -> tuple[int, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(url)
        return response.status_code, response.text


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


def serving(server: Server, keys: Keys, **options: object) -> Manager:
    binds = {"metrics_bind": "127.0.0.1:0", "health_bind": "127.0.0.1:0"}
    manager = Manager(Client(server), **{**binds, **options})  # type: ignore[arg-type]
    manager.add(Controller(Widget, keys))
    return manager


async def test_metrics_tell_what_controllers_did() -> None:
    async def do(request: Request, ctx: Context) -> None:
        if request.name == "bad":
            raise TerminalError("no")
        await ctx.client.create(ConfigMap(metadata=ObjectMeta(name=request.name, namespace="shop")))

    server, keys = Server(), Keys(do)
    for name in ("good", "bad"):
        server.put("widgets", widget(name, status={"observedGeneration": 1}))
    manager = serving(server, keys)
    async with manager.running():

        async def both() -> bool:
            return len(keys.calls) == 2

        await until(both)
        status, text = await fetch(f"{manager.url('metrics_bind')}/metrics")
    assert status == 200
    for line in (
        'controller_runtime_reconcile_total{controller="widget",result="success"} 1.0',
        'controller_runtime_reconcile_total{controller="widget",result="error"} 1.0',
        'controller_runtime_reconcile_total{controller="widget",result="requeue"} 0.0',
        'controller_runtime_terminal_reconcile_errors_total{controller="widget"} 1.0',
        'controller_runtime_reconcile_errors_total{controller="widget"} 1.0',
        'controller_runtime_max_concurrent_reconciles{controller="widget"} 1.0',
        'controller_runtime_active_workers{controller="widget"} 0.0',
        'controller_runtime_reconcile_time_seconds_count{controller="widget"} 2.0',
        'workqueue_adds_total{controller="widget",name="widget"} 2.0',
        'workqueue_work_duration_seconds_count{controller="widget",name="widget"} 2.0',
        'rest_client_requests_total{code="201",host="",method="POST"} 1.0',
    ):
        assert line in text.splitlines(), line
    assert "process_open_fds" in text


async def test_requests_of_the_election_are_counted_with_the_others() -> None:
    manager = serving(Server(), Keys(), leader_election=LeaderElection("widgets", namespace="shop"))
    async with manager.running():

        async def leads() -> bool:
            return (await manager.readyz.run()) == {"informers": None} and "leading" in manager.readyz.facts()[
                "leadership"
            ]

        await until(leads)
        _, text = await fetch(f"{manager.url('metrics_bind')}/metrics")
    # The lease, and the Event that says who leads.
    assert re.search(r'rest_client_requests_total\{code="201",host="",method="POST"\} [12]\.0', text)


async def test_readiness_waits_for_informers_and_names_the_kind_that_is_not_served() -> None:
    server = Server()
    server.served = False
    manager = serving(server, Keys())
    async with manager.running(wait=False):
        url = manager.url("health_bind")
        assert (await fetch(f"{url}/healthz"))[0] == 200

        async def named() -> bool:
            return "widgets.example.dev (not served)" in "".join(manager.unsynced())

        await until(named)
        assert (await fetch(f"{url}/readyz"))[0] == 500
        answers = await manager.readyz.run()
        assert answers == {"informers": "widgets.example.dev (not served)"}


async def test_a_standby_and_a_manager_without_an_optional_kind_are_ready() -> None:
    server = Server()
    server.served = False
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x", "namespace": "n"}}
    server.put("leases", {**lease, "spec": {"holderIdentity": "another", "leaseDurationSeconds": 15}})
    manager = Manager(Client(server), health_bind="127.0.0.1:0", leader_election=LeaderElection("x", namespace="n"))
    optional = Watch(Widget, to=lambda head: [], optional=True)
    manager.add(Controller(ConfigMap, Keys(), watches=[optional]))
    async with manager.running(wait=False):
        url = manager.url("health_bind")

        async def ready() -> bool:
            return (await fetch(f"{url}/readyz"))[0] == 200

        await until(ready)

        async def shown() -> bool:
            return "widgets.example.dev (not served)" in (await fetch(f"{url}/readyz?verbose"))[1]

        await until(shown)
        assert "standby" in (await fetch(f"{url}/readyz?verbose"))[1]


async def test_checks_of_the_users_own_decide_too() -> None:
    manager = serving(Server(), Keys())
    manager.readyz.add("database", lambda: "no connection")
    manager.healthz.add("pulse", lambda: None)
    async with manager.running():
        url = manager.url("health_bind")
        assert (await fetch(f"{url}/readyz/database"))[0] == 500
        assert (await fetch(f"{url}/healthz/pulse"))[0] == 200


async def test_one_address_serves_both() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    manager = serving(Server(), Keys(), metrics_bind=bind, health_bind=bind)
    async with manager.running():
        assert manager.url("metrics_bind") == manager.url("health_bind")
        for path in ("/metrics", "/healthz", "/readyz"):
            assert (await fetch(manager.url("health_bind") + path))[0] == 200


async def test_an_address_that_is_taken_ends_the_manager_before_it_works() -> None:
    server, keys = Server(), Keys()
    server.put("widgets", widget("a"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        manager = serving(server, keys, health_bind=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(BindError, match="health_bind"):
            await manager.run()
    assert not server.requests


async def test_nothing_is_served_without_an_address_and_a_bad_one_is_named() -> None:
    manager = Manager(Client(Server()))
    async with manager.running():
        with pytest.raises(RuntimeError, match="health_bind"):
            manager.url("health_bind")
    with pytest.raises(ValueError, match="metrics_bind"):
        await Manager(Client(Server()), metrics_bind="nowhere").run()


async def test_two_managers_in_one_process_have_registries_of_their_own() -> None:
    one, two = serving(Server(), Keys()), serving(Server(), Keys())
    async with one.running(), two.running():
        for manager in (one, two):
            assert (await fetch(f"{manager.url('metrics_bind')}/metrics"))[0] == 200
    registry = CollectorRegistry()
    Manager(Client(Server()), registry=registry)
    with pytest.raises(ValueError, match="give each manager"):
        Manager(Client(Server()), registry=registry)


async def test_a_manager_serves_again_in_its_next_run_and_counts_go_on() -> None:
    server, keys = Server(), Keys()
    server.put("widgets", widget("a"))
    manager = serving(server, keys)
    for times in (1, 2):
        async with manager.running():

            async def reconciled(times: int = times) -> bool:
                return len(keys.calls) >= times

            await until(reconciled)
            _, text = await fetch(f"{manager.url('metrics_bind')}/metrics")
    assert 'controller_runtime_reconcile_total{controller="widget",result="success"} 2.0' in text.splitlines()


async def test_webhooks_are_served_by_the_manager_and_counted_in_its_metrics() -> None:
    def check(request: AdmissionRequest[Widget]) -> None:
        if request.target.spec.size > 3:
            raise Denied("too large")

    manager = serving(Server(), Keys())
    manager.add_webhooks(ValidatingWebhook(Widget, check), bind="127.0.0.1:0")
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "example.dev", "version": "v1", "kind": "Widget"},
            "resource": {"group": "example.dev", "version": "v1", "resource": "widgets"},
            "operation": "CREATE",
            "name": "a",
            "namespace": "shop",
            "userInfo": {"username": "ann"},
            "object": widget("a", size=5),
        },
    }
    async with manager.running(), httpx.AsyncClient(trust_env=False) as client:
        url = f"{manager.url('webhooks')}/validate-example-dev-v1-widget"
        answer = (await client.post(url, json=review)).json()["response"]
        assert (answer["allowed"], answer["status"]["message"]) == (False, "too large")
        _, text = await fetch(f"{manager.url('metrics_bind')}/metrics")
    assert "controller_runtime_webhook_requests_total" in text
