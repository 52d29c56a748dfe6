"""Tables: what `kubectl get` prints, computed by the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.core import Call

_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may"
    " allow a client to request"
    " the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and"
    " configuration"
    " definition. Cannot be updated. More info:"
    " https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_CREATED = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not"
    " guaranteed to be set in"
    " happens-before order across separate operations. Clients may not set this value. It is represented in"
    " RFC3339 form and is in UTC."
    "\n\nPopulated by the system. Read-only. Null for lists. More info:"
    " https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
Column = dict[str, Any]


def column(name: str, kind: str = "string", *, fmt: str = "", description: str = "", priority: int = 0) -> Column:
    return {"name": name, "type": kind, "format": fmt, "description": description, "priority": priority}


NAME = column("Name", fmt="name", description=_NAME)
AGE = column("Age", description=_CREATED)


def age(created: str, now: datetime) -> str:
    """The time since `created` as kubectl shortens it (`5m3s`, `2d4h`)."""
    if not created:
        return "<unknown>"
    return human_duration(int((now - datetime.fromisoformat(created)).total_seconds()))


def human_duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps = (
        (seconds < 120, f"{max(seconds, 0)}s"),
        (minutes < 10, f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"),
        (minutes < 180, f"{minutes}m"),
        (hours < 8, f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"),
        (hours < 48, f"{hours}h"),
        (days < 8, f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"),
        (days < 730, f"{days}d"),
    )
    return next((text for fits, text in steps if fits), f"{days // 365}y{days % 365}d")


def table(call: Call, items: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """A Table of objects, with their metadata in the rows."""
    columns, cells = _layout(call)
    include = call.request.parameter("includeObject", "Metadata")
    rows = []
    for item in items:
        row: dict[str, Any] = {"cells": cells(item)}
        if include == "Object":
            row["object"] = {"kind": call.resource.kind, "apiVersion": call.resource.api_version, **item}
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            }
        rows.append(row)
    metadata = {"resourceVersion": version} if version else {}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    }


def _layout(call: Call) -> tuple[list[Column], Any]:
    now = call.state.now()

    def aged(item: Mapping[str, Any]) -> str:
        return age(item["metadata"].get("creationTimestamp", ""), now)

    custom = call.resource.custom
    if custom is not None:
        return [NAME, *custom.definitions()], lambda item: [item["metadata"]["name"], *custom.cells(item, now)]
    if call.resource.store == "configmaps":
        from_data = column("Data", description=_CONFIGMAP_DATA)
        return [NAME, from_data, AGE], lambda item: [
            item["metadata"]["name"],
            len(item.get("data") or {}) + len(item.get("binaryData") or {}),
            aged(item),
        ]
    created = column("Created At", "date", description=_CREATED)
    return [NAME, created], lambda item: [item["metadata"]["name"], item["metadata"].get("creationTimestamp")]


_CONFIGMAP_DATA = (
    "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'."
    " Values with non-UTF-8 byte"
    " sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the"
    " BinaryData field, this is"
    " enforced during validation process."
)
