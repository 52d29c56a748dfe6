"""Puts an etcd back to what it held, through its JSON gateway: what makes a real API server as new for each test."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import httpx

__all__ = ["Etcd"]

FIRST, LAST = "/registry/", "/registry0"
# What servers write all the time, and what they keep in step with the rest by themselves.
OWN = (
    "/registry/leases/kube-system/",
    "/registry/leases/kube-node-lease/",
    "/registry/masterleases/",
    "/registry/apiregistration.k8s.io/",
)
DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
# etcd's default limit of operations in a transaction is 128.
BATCH = 100
SECONDS = 10.0


class Etcd:
    """One etcd, and what it held when `remember` was called. Blocks, for milliseconds."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        self._kept: dict[str, str] = {}
        self._revision = 0

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def revision(self) -> int:
        """The revision of the last write."""
        return int(self._range(count_only=True)["header"]["revision"])

    def remember(self) -> None:
        """Take what is there now for what is to be there."""
        found = self._range()
        self._kept = {pair["key"]: pair["value"] for pair in found.get("kvs", ()) if not _is_own(pair["key"])}
        self._revision = int(found["header"]["revision"])

    def definitions(self) -> list[str]:
        """The names of the CRDs that are there and were not to be."""
        known = [_text(key) for key in self._changed() if key not in self._kept]
        return [key.removeprefix(DEFINITIONS) for key in known if key.startswith(DEFINITIONS)]

    def restore(self, *, keep: Iterable[str] = ()) -> int:
        """Delete what is new, put back what was changed or deleted; returns how many keys that were.

        CRDs named in ``keep`` stay, without their objects.
        """
        spared = {_key(DEFINITIONS + name) for name in keep}
        changed, present = self._changed(), self._keys()
        put = {
            key: value for key, value in self._kept.items() if changed.get(key, value) != value or key not in present
        }
        new = [key for key in changed if key not in self._kept and key not in spared]
        operations: list[dict[str, Any]] = [{"requestDeleteRange": {"key": key}} for key in new]
        operations += [{"requestPut": {"key": key, "value": value}} for key, value in put.items()]
        for start in range(0, len(operations), BATCH):
            self._post("/v3/kv/txn", {"success": operations[start : start + BATCH]})
        return len(operations)

    def _changed(self) -> dict[str, str]:
        """What was written since `remember` and is there."""
        found = self._range(min_mod_revision=str(self._revision + 1)).get("kvs", ())
        return {pair["key"]: pair.get("value", "") for pair in found if not _is_own(pair["key"])}

    def _keys(self) -> set[str]:
        return {pair["key"] for pair in self._range(keys_only=True).get("kvs", ())}

    def _range(self, **options: Any) -> Any:
        return self._post("/v3/kv/range", {"key": _key(FIRST), "range_end": _key(LAST), **options})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()


def _is_own(key: str) -> bool:
    return _text(key).startswith(OWN)


def _key(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(key: str) -> str:
    return base64.b64decode(key).decode(errors="replace")
