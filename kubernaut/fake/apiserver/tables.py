"""Tables: what `kubectl get` prints, computed by the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubernaut.fake.apiserver import printers
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.status import bad_request

Cells = Callable[[Mapping[str, Any]], list[Any]]


def table(call: Call, items: list[dict[str, Any]], version: str, *, columns: bool = True) -> dict[str, Any]:
    """A Table of objects, with as much of them in the rows as the request's includeObject says.

    Without `columns` the definitions are null: all frames of a watch but its first.
    """
    definitions, cells = _layout(call)
    include = call.request.parameter("includeObject", "Metadata")
    if include not in ("", "Metadata", "Object", "None"):
        text = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
        raise bad_request(f"Unable to convert to Table as requested: {text}")
    rows = []
    for item in items:
        row: dict[str, Any] = {"cells": cells(item)}
        if call.resource.store == "pods" and (conditions := printers.row_conditions(item)):
            row["conditions"] = conditions
        if include == "Object":
            row["object"] = {"kind": call.resource.kind, "apiVersion": call.resource.api_version, **item}
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            }
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version} if version else {},
        "columnDefinitions": definitions if columns else None,
        "rows": rows,
    }


def _layout(call: Call) -> tuple[list[dict[str, Any]], Cells]:
    now = call.state.now()
    custom, store = call.resource.custom, call.resource.store
    if call.info.subresource == "scale":
        store = "autoscaling/scale"
    elif custom is not None:
        definitions = [printers.name_column(), *custom.definitions()]
        return definitions, lambda item: [_name(item), *custom.cells(item, now)]
    cells, definitions = printers.PRINTERS.get(store), printers.columns_of(store)
    if cells is None or not definitions:
        created = printers.column("Created At", "date", text=printers.created_text())
        return [printers.name_column(), created], lambda item: [
            _name(item),
            item["metadata"].get("creationTimestamp"),
        ]
    if definitions[0]["name"] != "Name":
        return definitions, lambda item: cells(item, now)
    name = printers.NAMES.get(store, _name)
    return definitions, lambda item: [name(item), *cells(item, now)]


def _name(item: Mapping[str, Any]) -> str:
    return str(item["metadata"].get("name", ""))  # a bookmark has none
