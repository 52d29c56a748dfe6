"""The OpenAPI v2 document: everything that is served in one, for clients that know no other."""

from __future__ import annotations

from typing import Any

import msgspec

from kubernaut.fake.apiserver.openapi.documents import document, group_versions
from kubernaut.fake.apiserver.registry import Registry
from kubernaut.fake.apiserver.version import VERSION

_BODY = {"name": "body", "in": "body"}


def swagger(registry: Registry) -> bytes:
    """The document, as JSON: the v3 documents joined and rewritten."""
    paths: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for place, infos in group_versions(registry):
        part = msgspec.json.decode(document(place, infos))
        definitions |= {name: _schema(schema) for name, schema in part["components"]["schemas"].items()}
        paths |= {path: _path(item) for path, item in part["paths"].items()}
    encoded: bytes = msgspec.json.encode(
        {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
            "paths": dict(sorted(paths.items())),
            "definitions": dict(sorted(definitions.items())),
        }
    )
    return encoded


def _schema(value: Any) -> Any:
    """References point elsewhere, one of several types is a string, a reference may stand beside its text."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for key, below in value.items():
        if key == "$ref" and isinstance(below, str):
            out[key] = below.replace("#/components/schemas/", "#/definitions/")
        elif key == "allOf" and len(below) == 1 and "$ref" in below[0]:
            out |= _schema(below[0])
        elif key == "oneOf" and isinstance(below, list):
            out["type"] = "string"
        elif key == "default" and below == {} and "allOf" in value:
            continue
        else:
            out[key] = _schema(below)
    return out


def _path(item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [_parameter(each) for each in below] if key == "parameters" else _operation(below)
        for key, below in item.items()
    }


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in operation.items() if key != "requestBody"}
    out["parameters"] = [_parameter(each) for each in operation["parameters"]]
    out["produces"] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    body = operation.get("requestBody")
    if body is not None:
        media, content = next(iter(body["content"].items()))
        out["consumes"] = list(body["content"]) if media != "*/*" else ["*/*"]
        required = {"required": True} if body.get("required") else {}
        out["parameters"].append({**_BODY, **required, "schema": _schema(content["schema"])})
    out["responses"] = {
        code: {"description": each["description"], "schema": _schema(each["content"]["application/json"]["schema"])}
        for code, each in operation["responses"].items()
    }
    return out


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}
