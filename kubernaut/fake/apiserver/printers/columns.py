"""The columns of built-in kinds: names, types and priorities as recorded, descriptions out of the OpenAPI data."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

from kubernaut.fake.apiserver.openapi.descriptions import OBJECT_META, description

Column = dict[str, Any]


def column(name: str, kind: str = "string", *, fmt: str = "", text: str = "", priority: int = 0) -> Column:
    return {"name": name, "type": kind, "format": fmt, "description": text, "priority": priority}


@lru_cache(maxsize=1)
def _data() -> dict[str, list[list[Any]]]:
    source = resources.files("kubernaut.fake.apiserver") / "data" / "columns.json"
    data: dict[str, list[list[Any]]] = json.loads(source.read_text())
    return data


@lru_cache(maxsize=128)
def columns_of(store: str) -> list[Column]:
    """The column definitions of a kind; empty for kinds that have none of their own."""
    return [
        column(name, kind, fmt=fmt, text=_text(text), priority=priority)
        for name, kind, fmt, priority, text in _data().get(store, ())
    ]


def _text(text: str) -> str:
    """A text, or `@definition.field`, whose text is the same."""
    definition, _, field = text[1:].rpartition(".")
    return description(definition, field) if text.startswith("@") else text


def name_column() -> Column:
    return column("Name", fmt="name", text=description(OBJECT_META, "name"))


def created_text() -> str:
    return description(OBJECT_META, "creationTimestamp")
