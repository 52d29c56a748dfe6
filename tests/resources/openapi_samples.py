"""An example of every built-in kind with every field that the API has, made from the OpenAPI definitions."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernaut.fake.apiserver

_DATA = Path(kubernaut.fake.apiserver.__file__).parent / "data"
_DEPTH = 14


@cache
def openapi() -> dict[str, Any]:
    """The definitions that the fake server uses."""
    return dict(json.loads(gzip.decompress((_DATA / "openapi.json.gz").read_bytes())))


@cache
def discovery() -> dict[str, list[dict[str, Any]]]:
    """What a real server says of its resources, by API version."""
    return dict(json.loads((_DATA / "builtin.json").read_text()))


@cache
def _kinds() -> dict[str, str]:
    return {definition: name for name, definition in openapi()["kinds"].items() if ".apimachinery." not in definition}


def kinds() -> list[tuple[str, str]]:
    """API version and kind of every kind: no lists, and nothing of what every group has."""
    found = []
    for name, definition in openapi()["kinds"].items():
        api_version, _, kind = name.rpartition("/")
        if ".apimachinery." not in definition and "items" not in openapi()["definitions"][definition]["properties"]:
            found.append((api_version, kind))
    return sorted(found)


def sample(api_version: str, kind: str, *, unknown: bool = True) -> dict[str, Any]:
    """The example of one kind; `unknown` puts a field that the API does not have in every object."""
    definition = openapi()["kinds"][f"{api_version}/{kind}"]
    made = dict(_value({"$ref": definition}, unknown, ()))
    return made | {"apiVersion": api_version, "kind": kind, "metadata": _SCALARS["ObjectMeta"] | {"name": "a"}}


def _value(schema: dict[str, Any], unknown: bool, within: tuple[str, ...]) -> Any:
    name = schema.get("$ref")
    if name is not None:
        short = name.rpartition(".")[2]
        if short in _SCALARS:
            return _SCALARS[short]
        schema, within = openapi()["definitions"][name], (*within, name)
    if schema.get("x-kubernetes-int-or-string"):
        return 1
    match schema.get("type"):
        case "object" if "properties" in schema:
            return _object(schema["properties"], unknown, within)
        case "object" if "additionalProperties" in schema:
            return {"k": _value(schema["additionalProperties"], unknown, within)}
        case "object":
            return {"free": {"a": [None, 1]}} if unknown else {}
        case "array":
            return [_value(schema["items"], unknown, within)]
        case "integer":
            return 1
        case "number":
            return 0.5
        case "boolean":
            return False
        case "string":
            return "a"
    return {"any": [1]}


def _object(properties: dict[str, Any], unknown: bool, within: tuple[str, ...]) -> dict[str, Any]:
    made = {
        name: _value(schema, unknown, within)
        for name, schema in properties.items()
        # A type that holds itself is gone down into once.
        if not any(within.count(reference) > 1 for reference in _references(schema))
    }
    if within[-1].endswith("Condition") and "status" in made:
        made["status"] = "True"
    if within[-1] in _kinds():
        made["apiVersion"], _, made["kind"] = _kinds()[within[-1]].rpartition("/")
    made |= {name: value for name, value in _WORDS.items() if name in made and made[name] == "a"}
    return made | ({"unknownField": {"a": [None, {"b": ""}]}} if unknown else {})


def _references(schema: dict[str, Any]) -> list[str]:
    below = [schema.get("items"), schema.get("additionalProperties")]
    own = [schema["$ref"]] if "$ref" in schema else []
    return own + [name for part in below if isinstance(part, dict) for name in _references(part)]


_WORDS = {"operator": "In", "restartPolicy": "Always"}
_SCALARS: dict[str, Any] = {
    "JSONSchemaPropsOrArray": [{"type": "string"}],
    "JSONSchemaPropsOrBool": {"type": "string"},
    "JSONSchemaPropsOrStringArray": ["a"],
    "MicroTime": "2024-01-01T00:00:00.000000Z",
    "ObjectMeta": {"labels": {"a": "a", "k": "a"}},
    "Quantity": "1500m",
    "Time": "2024-01-01T00:00:00Z",
}
