"""Leases in memory: just enough of them for an election. Nobody watches them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

PREFIX = "/apis/coordination.k8s.io/v1/"
Answer = tuple[str, dict[str, Any]]
_REASONS = {"404 Not Found": "NotFound", "409 Conflict": "Conflict", "405 Method Not Allowed": "MethodNotAllowed"}


class Leases:
    """What the API server does with Leases: versions rise, and a write on an old version is refused."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[str, Any]] = {}
        self._version = 0

    def holders(self) -> dict[str, str]:
        """By the name of the lease: who holds it."""
        return {name: lease["spec"].get("holderIdentity") or "" for (_, name), lease in self._held.items()}

    def answer(self, method: str, path: str, options: dict[str, list[str]], body: bytes) -> Answer:
        """A status line's code and text, and the body."""
        parts = path.removeprefix(PREFIX).split("/")
        if len(parts) < 3 or parts[0] != "namespaces" or parts[2] != "leases":
            return _failure("404 Not Found")
        namespace, name = parts[1], parts[3] if len(parts) > 3 else ""
        sent = msgspec.json.decode(body) if body else {}
        if method == "GET" and not name:
            return "200 OK", self._list(namespace, options.get("labelSelector", [""])[0])
        if method == "POST":
            return self._create(namespace, sent)
        if (namespace, name) not in self._held:
            return _failure("404 Not Found")
        if method == "GET":
            return "200 OK", self._held[namespace, name]
        if method == "PUT":
            return self._update(namespace, name, sent)
        if method == "DELETE":
            return self._delete(namespace, name, sent.get("preconditions") or {})
        return _failure("405 Method Not Allowed")

    def _list(self, namespace: str, selector: str) -> dict[str, Any]:
        wanted = dict(term.split("=", 1) for term in selector.replace("==", "=").split(",") if term)
        items = [
            lease
            for (within, _), lease in self._held.items()
            if within == namespace and wanted.items() <= (lease["metadata"].get("labels") or {}).items()
        ]
        meta = {"resourceVersion": str(self._version)}
        return {"kind": "LeaseList", "apiVersion": "coordination.k8s.io/v1", "metadata": meta, "items": items}

    def _create(self, namespace: str, sent: dict[str, Any]) -> Answer:
        name = sent["metadata"]["name"]
        if (namespace, name) in self._held:
            return _failure("409 Conflict", "AlreadyExists")
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        made = {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now}
        return "201 Created", self._store(namespace, name, sent, made)

    def _update(self, namespace: str, name: str, sent: dict[str, Any]) -> Answer:
        metadata = self._held[namespace, name]["metadata"]
        if sent["metadata"].get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            return _failure("409 Conflict")
        kept = {each: metadata[each] for each in ("namespace", "uid", "creationTimestamp")}
        return "200 OK", self._store(namespace, name, sent, kept)

    def _store(self, namespace: str, name: str, sent: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        metadata = {**sent["metadata"], **kept, "resourceVersion": str(self._version)}
        head = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1"}
        stored = self._held[namespace, name] = {**head, **sent, "metadata": metadata}
        return stored

    def _delete(self, namespace: str, name: str, preconditions: dict[str, str]) -> Answer:
        metadata = self._held[namespace, name]["metadata"]
        if any(metadata[each] != value for each, value in preconditions.items() if value):
            return _failure("409 Conflict")
        del self._held[namespace, name]
        return "200 OK", {"kind": "Status", "apiVersion": "v1", "status": "Success"}


def _failure(status: str, reason: str = "") -> Answer:
    reason = reason or _REASONS[status]
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason}
    return status, {**body, "code": int(status[:3])}
