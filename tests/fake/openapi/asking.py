"""Requests to an API server in this process."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request, Response, Stream, parse_query

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def answer(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> Response | Stream:
    """`body` is bytes as they are, or what shall be JSON."""
    parts = urlsplit(url)
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.handle(Request(method, parts.path, parse_query(parts.query.encode()), named, data))


def whole(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> Response:
    given = answer(server, method, url, body, **headers)
    assert isinstance(given, Response)
    return given


def ask(server: ApiServer, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The code and the JSON of an answer."""
    given = whole(server, method, url, body, **headers)
    return given.status, json.loads(given.body)


def make(server: ApiServer, url: str, body: Any) -> dict[str, Any]:
    code, obj = ask(server, "POST", url, body)
    assert code == 201, obj
    made: dict[str, Any] = obj
    return made


def crontabs(schema: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The definition of a custom kind."""
    served = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{**served, **more}],
        },
    }


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
