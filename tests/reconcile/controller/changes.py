"""Changes as informers tell them, made of plain data."""

import json
from typing import Any

from kubernaut.client import decode_head
from kubernaut.reconcile import Change, ChangeType, Request, Stored

Body = dict[str, Any]


def stored(status: Any = None, spec: Any = None, **metadata: Any) -> Stored:
    """One state of the object shop/a; `metadata` by its names in the API."""
    body: Body = {"metadata": {"name": "a", "namespace": "shop", "uid": "u", **metadata}, "spec": spec or {}}
    if status is not None:
        body["status"] = status
    raw = json.dumps(body).encode()
    return Stored(decode_head(raw), raw)


def updated(old: Stored, new: Stored) -> Change:
    return Change(ChangeType.MODIFIED, Request("shop", "a"), old, new)


def added(new: Stored, *, initial: bool = False) -> Change:
    return Change(ChangeType.ADDED, Request("shop", "a"), None, new, initial=initial)


def deleted(last: Stored) -> Change:
    return Change(ChangeType.DELETED, Request("shop", "a"), last, last)
