"""The audit store behind an HTTP service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.store import AuditQuery, AuditRefused, AuditUnavailable
from kubernaut.client.http import http_client
from kubernaut.timing import hold

_PERMANENT = (400, 409, 413, 415, 422)
_MAX_ANSWER = 8 * 1024 * 1024
_SHOWN = 300


class HttpAuditStore:
    """Speaks JSON to a service that keeps records:

    | request | answer |
    |---|---|
    | `POST {url}/records`, an entry | 200 or 201, the record: a new one, or the first one of that id |
    | `GET {url}/records?namespace=...&after=...&limit=...` | 200, `{"records": [...]}` in the order of `position` |
    | `DELETE {url}/records?before=TIME` | 200, `{"purged": 12}` |

    400, 409, 413, 415 and 422 refuse for good; every other failure, a wrong token included, may pass. `timeout` (in
    seconds) bounds each exchange as a whole. Use it as an async context manager.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._client = http_client(url.rstrip("/"), timeout=timeout, headers=headers, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def append(self, entry: AuditEntry) -> AuditRecord:
        answer = await self._ask("POST", body=entry.to_dict())
        record = _record(answer)
        if record.entry.id != entry.id:
            raise AuditUnavailable(f"the audit service answered with the record of {record.entry.id}, not {entry.id}")
        return record

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        answer = await self._ask("GET", parameters=_parameters(query))
        records = answer.get("records") if isinstance(answer, Mapping) else None
        if not isinstance(records, list):
            raise AuditUnavailable("the audit service answered without a list of records")
        return [_record(record) for record in records]

    async def purge(self, before: datetime) -> int:
        answer = await self._ask("DELETE", parameters={"before": before.isoformat()})
        purged = answer.get("purged") if isinstance(answer, Mapping) else None
        if not isinstance(purged, int):
            raise AuditUnavailable("the audit service did not say how many records went")
        return purged

    async def _ask(self, method: str, *, body: Any = None, parameters: Mapping[str, str] | None = None) -> Any:
        try:
            # Time in a test may be virtual, but the service's is not.
            with hold():
                async with asyncio.timeout(self._timeout):
                    response = await self._client.request(method, "/records", json=body, params=parameters)
        except TimeoutError:
            raise AuditUnavailable(f"the audit service did not answer within {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise AuditUnavailable(f"the audit service cannot be reached: {error or type(error).__name__}") from error
        return _read(response)


def _read(response: httpx.Response) -> Any:
    if response.status_code in _PERMANENT:
        raise AuditRefused(f"the audit service refused ({response.status_code}): {response.text[:_SHOWN]}")
    if not response.is_success:
        raise AuditUnavailable(f"the audit service answered {response.status_code}: {response.text[:_SHOWN]}")
    if len(response.content) > _MAX_ANSWER:
        raise AuditUnavailable(f"the audit service answered {len(response.content)} bytes")
    try:
        return response.json()
    except ValueError:
        raise AuditUnavailable("the audit service answered something that is not JSON") from None


def _record(answer: Any) -> AuditRecord:
    try:
        return AuditRecord.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise AuditUnavailable(f"the audit service answered no record: {field}: {first['msg']}") from None


def _parameters(query: AuditQuery) -> dict[str, str]:
    asked: dict[str, str] = {"after": str(query.after), "limit": str(query.limit)}
    for field in ("uid", "kind", "namespace", "name", "action", "outcome"):
        if (value := getattr(query, field)) is not None:
            asked[field] = value
    if query.newest:
        asked["newest"] = "true"
    for field in ("since", "until"):
        if (moment := getattr(query, field)) is not None:
            asked[field] = moment.isoformat()
    return asked
