"""Errors that an informer meets: who is told of them, and when."""

import asyncio
import logging
from typing import Any

import pytest

from kubernaut.client import TransportError
from kubernaut.reconcile.intake import KindOptions
from tests.reconcile.informer.informing import informing, server_of
from tests.reconcile.server import refuse, watching

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
    caplog.set_level(logging.DEBUG, "kubernaut")
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(200)
        assert warnings(caplog) == []
        assert informer.failing == "no route to host"
        told = [record.levelname for record in caplog.records if "list or watch failed" in record.getMessage()]
        assert told.count("INFO") == 1 and told.count("DEBUG") > 5, (
            "what lasts is told when it begins, and then by the warnings"
        )
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


async def test_a_watch_that_stays_open_ends_the_trouble_on_a_quiet_kind() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        refuse(server, 3, match=watching)
        server.hang_up()
        await asyncio.sleep(5)
        assert informer.failing == "connection refused"
        assert 3.5 < informer.failing_for <= 5
        await asyncio.sleep(10)
        assert informer.failing is None
        assert (informer.failing_for, informer.problem, informer.relists) == (0.0, "", 0)


async def test_a_watch_that_ends_as_soon_as_it_began_does_not() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        for _ in range(40):
            server.hang_up()
            await asyncio.sleep(0.5)
        assert informer.failing == "the watch ended as soon as it began"
        assert informer.failing_for > 15


async def test_a_watch_given_up_for_its_silence_is_trouble_until_it_is_open_again() -> None:
    server = server_of("a")
    options = KindOptions(silence=20, watch_seconds=(60, 60))
    async with informing(server, options=options) as (informer, _):
        server.bookmark(20)
        server.version = 20
        await asyncio.sleep(19)
        assert informer.failing is None

        refuse(server, 2, match=watching)
        await asyncio.sleep(2)
        assert informer.failing == "connection refused"
        assert informer.failing_for == pytest.approx(1, abs=0.3), "counted from when it was given up"
        await asyncio.sleep(10)
        assert informer.failing is None


async def test_a_server_that_does_not_end_a_watch_in_time_is_asked_again() -> None:
    server = server_of("a")
    async with informing(server, options=KindOptions(watch_seconds=(30, 30))) as (informer, _):
        assert server.watches[-1]["timeoutSeconds"] == "30"
        await asyncio.sleep(34)
        opened = len(server.watches)
        await asyncio.sleep(2)
        assert len(server.watches) == opened + 1
        assert informer.errors == 0


BAD_BOUNDS = (
    {"watch_seconds": (0, 5)},
    {"watch_seconds": (9, 5)},
    {"silence": 0},
    {"retry_seconds": (0, 5)},
    {"retry_seconds": (9, 5)},
)


@pytest.mark.parametrize("bounds", BAD_BOUNDS, ids=str)
def test_bounds_of_a_watch_are_checked(bounds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bounds))}="):
        KindOptions(**bounds)


async def test_the_longest_wait_between_attempts_may_be_chosen() -> None:
    server = server_of("a")
    async with informing(server, options=KindOptions(retry_seconds=(0.5, 2.0))) as (_, _):
        refuse(server, 10_000)
        server.hang_up()
        await asyncio.sleep(60)
        asked = len(server.requests)
        await asyncio.sleep(20)
        assert len(server.requests) - asked == 10
