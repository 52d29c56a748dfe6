"""An audit service as HttpAuditStore documents it, in front of any store."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from kubernaut.audit import AuditEntry, AuditQuery, AuditRefused, AuditStore


class Service:
    """An ASGI application; `status` set makes it answer every request with that."""

    def __init__(self, store: AuditStore, token: str = "secret-token") -> None:
        self.store = store
        self.token = token
        self.status: int | None = None
        self.body: bytes | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer = await self._answer(scope, body)
        data = self.body if self.body is not None else json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": data})

    async def _answer(self, scope: MutableMapping[str, Any], body: bytes) -> tuple[int, Any]:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if headers.get(b"authorization") != f"Bearer {self.token}".encode():
            return 401, {"error": "who are you?"}
        if self.status is not None:
            return self.status, {"error": "as you wish"}
        parameters = dict(parse_qsl(scope["query_string"].decode()))
        try:
            if scope["method"] == "POST":
                return 201, (await self.store.append(AuditEntry.model_validate_json(body))).to_dict()
            if scope["method"] == "DELETE":
                return 200, {"purged": await self.store.purge(datetime.fromisoformat(parameters["before"]))}
            return 200, {"records": [record.to_dict() for record in await self.store.query(_query(parameters))]}
        except AuditRefused as error:
            return 422, {"error": str(error)}


def _query(parameters: dict[str, str]) -> AuditQuery:
    values: dict[str, Any] = dict(parameters)
    for name in ("after", "limit"):
        values[name] = int(values[name])
    if "newest" in values:
        values["newest"] = values["newest"] == "true"
    for name in ("since", "until"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return AuditQuery(**values)
