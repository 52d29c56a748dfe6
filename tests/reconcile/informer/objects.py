"""Stored objects made by hand."""

import json
from typing import Any

import msgspec

from kubernaut.reconcile import Change, Request, Store, Stored
from kubernaut.reconcile.intake import Intake, KindOptions

_intake = Intake(KindOptions(), "test")


def stored(
    name: str,
    version: int | str = 1,
    *,
    namespace: str | None = "shop",
    uid: str | None = None,
    labels: dict[str, str] | None = None,
    intake: Intake = _intake,
    **spec: Any,
) -> Stored:
    """A widget as an informer takes it in."""
    meta: dict[str, Any] = {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    if namespace:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    body = {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": meta, "spec": spec}
    return intake.take(msgspec.Raw(json.dumps(body).encode()))


def put(store: Store, one: Stored, mark: int = 0) -> list[str]:
    """Put and settle, as an informer does; the changes as text."""
    return settled(store, store.put(one, mark=mark))


def settled(store: Store, changes: list[Change]) -> list[str]:
    store.settle(changes)
    return [f"{change.type} {change.key.name}{'!' if change.synthesised else ''}" for change in changes]


def names(found: list[Stored]) -> list[str]:
    return [one.head.name for one in found]


def request(name: str, namespace: str | None = "shop") -> Request:
    return Request(namespace, name)
