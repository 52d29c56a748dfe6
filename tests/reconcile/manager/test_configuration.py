"""Settings of a manager that cannot work are refused where they are made."""

from datetime import timedelta
from typing import Any

import anyio
import pytest

from kubernaut.client import Client
from kubernaut.reconcile import Controller, Manager
from tests.reconcile.scripted import Keys
from tests.reconcile.server import Server
from tests.reconcile.widgets import Widget

WRONG: dict[str, Any] = {
    "graceful_timeout": 30,
    "leader_election": True,
    "cache": {},
    "metrics_bind": 8080,
    "health_bind": 8080,
    "metrics_tls": "/certs",
    "registry": "metrics",
    "name": None,
}


def a_manager(**settings: Any) -> Manager:
    return Manager(Client(Server()), **settings)


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_of_another_type_is_refused_and_the_error_names_it(setting: str) -> None:
    with pytest.raises(TypeError, match=f"{setting} is .*: it must be "):
        a_manager(**{setting: WRONG[setting]})


@pytest.mark.parametrize("bind", ["8080", "http://0.0.0.0:8080"])
def test_an_address_that_is_none_is_refused_before_anything_runs(bind: str) -> None:
    with pytest.raises(ValueError, match="metrics_bind"):
        a_manager(metrics_bind=bind)


def test_a_client_must_be_a_client() -> None:
    nothing: Any = None
    with pytest.raises(TypeError, match="client is None: it must be a Client"):
        Manager(nothing)
    with pytest.raises(TypeError, match="client is None: it must be a Client"):
        a_manager().add_cluster("east", nothing)


def test_controllers_are_added_one_by_one() -> None:
    several: Any = [Controller(Widget, Keys())]
    with pytest.raises(TypeError, match=r"it must be a Controller, or several: add\(one, another\)"):
        a_manager().add(several)


def test_a_service_is_a_function_and_not_what_it_returns() -> None:
    async def body() -> None: ...

    called: Any = body()
    with pytest.raises(TypeError, match="give the function itself, without calling it"):
        a_manager().add_service("s", called)
    nothing: Any = None
    with pytest.raises(TypeError, match="it must be a coroutine function"):
        a_manager().add_service("s", nothing)


def test_webhooks_are_added_one_by_one_with_the_files_of_their_certificate() -> None:
    several: Any = []
    with pytest.raises(TypeError, match=r"add_webhooks\(one, another\)"):
        a_manager().add_webhooks(several)
    path: Any = "/certs"
    with pytest.raises(TypeError, match="tls is '/certs': it must be TlsFiles"):
        a_manager().add_webhooks(tls=path)


def test_the_defaults_are_accepted() -> None:
    assert a_manager(graceful_timeout=timedelta(0), metrics_bind="0", health_bind="").controllers == ()


@pytest.mark.virtual_time
async def test_a_stop_before_the_run_has_begun_ends_that_run_and_not_the_one_after() -> None:
    manager = a_manager()
    manager.stop()
    await manager.run()
    async with anyio.create_task_group() as group:
        group.start_soon(manager.run)
        await anyio.sleep(60)
        assert manager.unsynced() == []  # raises RuntimeError unless it is running
        manager.stop()
