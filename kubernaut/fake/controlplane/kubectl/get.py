"""kubectl get: as a table, JSON, YAML, names or a simple JSONPath."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from kubernaut.client import NotFound
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.kinds import resolve
from kubernaut.fake.controlplane.kubectl.session import Session, qualified
from kubernaut.fake.controlplane.kubectl.targets import find, namespace_of, selection
from kubernaut.resources import ResourceType

_NO_TYPE = """You must specify the type of resource to get. \
Use "kubectl api-resources" for a complete list of supported resources.

error: Required resource not specified.
Use "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain pods).
See 'kubectl get -h' for help and examples"""
_OPERAND = re.compile(r"\{\s*(\.[^{}]*)\}")
_STEP = re.compile(r"\.((?:\\.|[^.\[\]\\])+)|\[(\d+|\*)\]|\['([^']+)'\]")


async def get(session: Session, arguments: Arguments) -> None:
    """Print objects. Raises KubectlError and ApiError."""
    words = arguments.positionals
    if not words:
        raise KubectlError(_NO_TYPE)
    if len(words) > 1 or "/" in words[0]:
        await _get_named(session, arguments)
        return
    for word in words[0].split(","):
        await _get_all(session, arguments, await resolve(session, word))


async def _get_named(session: Session, arguments: Arguments) -> None:
    targets = await find(session, arguments, arguments.positionals)
    items: list[tuple[ResourceType, dict[str, Any]]] = []
    for target in targets:
        try:
            items.append((target.kind, await session.get(target.path, table=_wants_table(arguments))))
        except NotFound:
            if not arguments.on("ignore-not-found"):
                raise
    if items:
        _show(session, arguments, items, one=len(targets) == 1)


async def _get_all(session: Session, arguments: Arguments, kind: ResourceType) -> None:
    everywhere = arguments.on("all-namespaces")
    namespace = None if everywhere else namespace_of(session, arguments)
    body = await session.get(kind.path(namespace), selection(arguments), table=_wants_table(arguments))
    if body.get("kind") == "Table":
        items = [(kind, body)] if body.get("rows") else []
    else:
        items = [
            (kind, {"apiVersion": kind.api_version, "kind": kind.kind, **item}) for item in body.get("items") or []
        ]
    if not items and _wants_table(arguments):
        place = "" if everywhere or not kind.namespaced else f" in {namespace} namespace"
        session.err.append(f"No resources found{place}.")
        return
    _show(session, arguments, items, one=False)


def _wants_table(arguments: Arguments) -> bool:
    return arguments.text("output") in ("", "wide")


def _show(
    session: Session, arguments: Arguments, items: Sequence[tuple[ResourceType, dict[str, Any]]], *, one: bool
) -> None:
    output = arguments.text("output")
    if output in ("", "wide"):
        session.out.extend(_table(items, headers=not arguments.on("no-headers"), wide=output == "wide"))
        return
    objects = [item for _, item in items]
    document = (
        objects[0]
        if one
        else {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}
    )
    if output == "name":
        session.out.extend(qualified(kind, item["metadata"]["name"]) for kind, item in items)
    elif output == "json":
        session.out.append(json.dumps(document, indent=4, sort_keys=True))
    elif output == "yaml":
        session.out.append(yaml.safe_dump(document, sort_keys=True).rstrip("\n"))
    elif output.startswith("jsonpath="):
        session.out.append(jsonpath(output.removeprefix("jsonpath="), document))
    else:
        raise KubectlError(f'error: unable to match a printer suitable for the output format "{output}"')


def _table(items: Sequence[tuple[ResourceType, dict[str, Any]]], *, headers: bool, wide: bool) -> list[str]:
    rows: list[list[str]] = []
    for kind, item in items:
        if item.get("kind") == "Table":
            shown = [i for i, c in enumerate(item["columnDefinitions"]) if wide or not c.get("priority")]
            if not rows and headers:
                rows.append([item["columnDefinitions"][i]["name"].upper() for i in shown])
            rows.extend([_cell(row["cells"][i]) for i in shown] for row in item.get("rows") or [])
        else:
            if not rows and headers:
                rows.append(["NAME", "CREATED AT"])
            metadata = item["metadata"]
            name = metadata["name"] if len(items) == 1 else qualified(kind, metadata["name"])
            rows.append([name, _cell(metadata.get("creationTimestamp"))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["   ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(value: Any) -> str:
    return "<none>" if value is None or value == "" else str(value)


def jsonpath(template: str, document: Any) -> str:
    """Fill in a JSONPath template made of fields, indexes and `[*]`. Raises KubectlError for anything else."""
    if "{" not in template:
        template = f"{{{template if template.startswith('.') else '.' + template}}}"
    if re.search(r"\{[^.}]", template) or "?" in template:
        raise KubectlError(f"error: error parsing jsonpath {template}, only fields and indexes are understood here")
    return _OPERAND.sub(lambda match: " ".join(_text(v) for v in _values(match.group(1), document)), template)


def _values(path: str, document: Any) -> list[Any]:
    values = [document]
    for dotted, index, quoted in _STEP.findall(path):
        name = (dotted or quoted).replace("\\.", ".")
        found: list[Any] = []
        for value in values:
            if name and isinstance(value, dict) and name in value:
                found.append(value[name])
            elif index == "*" and isinstance(value, (list, dict)):
                found.extend(value if isinstance(value, list) else value.values())
            elif index and index != "*" and isinstance(value, list) and int(index) < len(value):
                found.append(value[int(index)])
        values = found
    return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
