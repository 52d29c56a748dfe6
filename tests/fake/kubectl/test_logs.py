"""pods/log in process: which container, how much of it, and following it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request, Response, Stream, parse_query

POD = "/api/v1/namespaces/default/pods/p"
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
MERGE = {"content-type": "application/merge-patch+json"}


@pytest.fixture
def server() -> ApiServer:
    """With a pod of one container that runs."""
    server = ApiServer(seed=1)
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert request(server, "POST", POD[:-2], body).status == 201
    become(server, RUNNING)
    server.set_pod_log("default", "p", "c", "one\ntwo\n")
    return server


def answer(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> Response | Stream:
    parts = urlsplit(url)
    data = b"" if body is None else json.dumps(body).encode()
    return server.handle(Request(method, parts.path, parse_query(parts.query.encode()), headers, data))


def request(
    server: ApiServer, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
) -> Response:
    given = answer(server, method, url, body, **(headers or {}))
    assert isinstance(given, Response)
    return given


def become(server: ApiServer, state: dict[str, Any], phase: str = "Running", **more: Any) -> None:
    statuses = [{"name": "c", "image": "i", "imageID": "", "ready": True, "restartCount": 0, "state": state, **more}]
    body = {"status": {"phase": phase, "containerStatuses": statuses}}
    assert request(server, "PATCH", f"{POD}/status", body, MERGE).status == 200


def read(server: ApiServer, query: str = "") -> tuple[int, str]:
    given = request(server, "GET", f"{POD}/log{query}")
    return given.status, given.body.decode()


def followed(server: ApiServer, query: str = "") -> AsyncIterator[bytes]:
    stream = answer(server, "GET", f"{POD}/log?follow=true{query}")
    assert isinstance(stream, Stream)
    return stream.chunks


def test_the_log_is_read_whole_or_in_part(server: ApiServer) -> None:
    assert read(server) == (200, "one\ntwo\n")
    assert read(server, "?tailLines=1") == (200, "two\n")
    assert read(server, "?tailLines=0") == (200, "")
    assert read(server, "?limitBytes=2&container=c") == (200, "on")


def test_a_log_that_is_not_there_is_a_bad_request(server: ApiServer) -> None:
    assert "previous terminated container" in read(server, "?previous=true")[1]
    assert "container x is not valid for pod p" in read(server, "?container=x")[1]
    become(server, {"waiting": {"reason": "ContainerCreating"}})
    code, text = read(server)
    assert code == 400
    assert json.loads(text)["message"] == 'container "c" in pod "p" is waiting to start: ContainerCreating'


def test_the_log_of_the_run_before_is_there_after_a_restart(server: ApiServer) -> None:
    become(server, RUNNING, restartCount=1)
    assert read(server, "?previous=true") == (200, "one\ntwo\n")


async def test_a_followed_log_grows_and_ends_with_its_container(server: ApiServer) -> None:
    chunks = followed(server, "&tailLines=1")
    with anyio.fail_after(5):
        assert await anext(chunks) == b"two\n"
        server.set_pod_log("default", "p", "c", "one\ntwo\nthree\n")
        become(server, RUNNING, started=True)
        assert await anext(chunks) == b"three\n"
        become(server, {"terminated": {"exitCode": 0}}, "Succeeded")
        assert [chunk async for chunk in chunks] == []


async def test_a_followed_log_ends_with_its_pod(server: ApiServer) -> None:
    chunks = followed(server)
    with anyio.fail_after(5):
        assert await anext(chunks) == b"one\ntwo\n"
        request(server, "DELETE", f"{POD}?gracePeriodSeconds=0")
        assert [chunk async for chunk in chunks] == []


async def test_a_log_of_a_container_that_has_ended_is_not_followed(server: ApiServer) -> None:
    become(server, {"terminated": {"exitCode": 0}}, "Succeeded")
    assert read(server, "?follow=true") == (200, "one\ntwo\n")
