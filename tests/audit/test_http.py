"""An audit service that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from kubernaut.audit import AuditQuery, AuditRefused, AuditUnavailable, MemoryAuditStore
from kubernaut.audit.http import HttpAuditStore
from tests.audit.entries import entry
from tests.audit.service import Service


def store_of(handle: Callable[[httpx.Request], httpx.Response]) -> HttpAuditStore:
    return HttpAuditStore("http://audit/v1", transport=httpx.MockTransport(handle))


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
async def test_what_the_service_refuses_is_refused_for_good(status: int) -> None:
    service = Service(MemoryAuditStore())
    service.status = status
    transport = httpx.ASGITransport(app=service)
    async with HttpAuditStore("http://audit/v1", token="secret-token", transport=transport) as store:
        with pytest.raises(AuditRefused, match=f"refused \\({status}\\).*as you wish"):
            await store.append(entry())


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 500, 502, 503, 504])
async def test_every_other_failure_may_pass(status: int) -> None:
    async with store_of(lambda _: httpx.Response(status, text="later")) as store:
        with pytest.raises(AuditUnavailable, match=f"answered {status}"):
            await store.append(entry())


async def test_a_service_that_cannot_be_reached_may_come_back() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    async with store_of(refuse) as store:
        with pytest.raises(AuditUnavailable, match="cannot be reached: connection refused"):
            await store.query(AuditQuery())


async def test_a_service_that_is_silent_is_not_waited_for() -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    async with HttpAuditStore("http://audit", timeout=0.02, transport=httpx.MockTransport(silent)) as store:
        with pytest.raises(AuditUnavailable, match=r"did not answer within 0\.02 s"):
            await store.append(entry())


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("<html>", "not JSON"),
        ("[]", "no record"),
        ('{"position": 1}', "no record: sequence"),
        (json.dumps({"records": 3}), "no record"),
    ],
)
async def test_an_answer_that_is_no_record_is_not_taken_for_one(answer: str, problem: str) -> None:
    async with store_of(lambda _: httpx.Response(201, text=answer)) as store:
        with pytest.raises(AuditUnavailable, match=problem):
            await store.append(entry())
        with pytest.raises(AuditUnavailable):
            await store.query(AuditQuery())


async def test_the_record_of_something_else_is_not_taken() -> None:
    other = await MemoryAuditStore().append(entry("another"))
    async with store_of(lambda _: httpx.Response(201, json=other.to_dict())) as store:
        with pytest.raises(AuditUnavailable, match="the record of another:validating, not u1:validating"):
            await store.append(entry())
