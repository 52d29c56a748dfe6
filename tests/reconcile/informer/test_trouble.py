"""Errors that an informer meets: who is told of them, and when."""

import asyncio
from typing import Any

import pytest

from kubernaut.client import TransportError
from tests.reconcile.informer.informing import informing, server_of

pytestmark = pytest.mark.virtual_time


def refusing(code: int, reason: str) -> Any:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "may not list widgets"}
    return lambda request: (code, body)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(("code", "reason"), [(401, "Unauthorized"), (403, "Forbidden")])
async def test_a_missing_permission_is_warned_of_at_once_and_every_five_minutes(
    code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = server_of("a")
    server.fail.append(refusing(code, reason))
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(1)
        assert len(warnings(caplog)) == 1
        assert "may not list widgets" in warnings(caplog)[0]
        await asyncio.sleep(280)
        assert len(warnings(caplog)) == 1
        await asyncio.sleep(400)
        assert len(warnings(caplog)) == 3
        assert informer.problem.startswith("failing for 681 s: ")
        assert "may not list widgets" in informer.problem


async def test_another_error_is_warned_of_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(request: Any) -> Any:
        raise TransportError("no route to host")

    server = server_of("a")
    server.fail.append(refuse)
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(200)
        assert warnings(caplog) == []
        assert informer.failing == "no route to host"
        await asyncio.sleep(200)
        assert len(warnings(caplog)) == 1


async def test_a_list_that_succeeds_ends_the_trouble() -> None:
    server = server_of("a")
    server.fail.append(refusing(403, "Forbidden"))
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(10)
        assert "may not list widgets" in str(informer.failing)
        server.fail.clear()
        await informer.synced.wait()
        assert informer.problem == ""


async def test_a_kind_that_is_not_served_is_said_to_be_so() -> None:
    server = server_of("a")
    server.served = False
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(10)
        assert informer.problem == "not served"
