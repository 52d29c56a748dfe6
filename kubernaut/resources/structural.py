"""Turns the JSON schema that pydantic makes into the structural schema that a server accepts."""

from typing import Any

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
INEXPRESSIBLE = "x-kubernaut-inexpressible"
"""Marks, in the raw schema, a type for which there is no JSON schema; its value says why."""

_KEPT = frozenset(
    {
        "default",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "nullable",
        "pattern",
        "type",
    }
)
_DROPPED = frozenset(
    {
        "$comment",
        "$defs",
        "contentEncoding",
        "contentMediaType",
        "deprecated",
        "discriminator",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
_WALKED = frozenset({"additionalProperties", "items", "properties", "required", "uniqueItems", "const", "anyOf"})
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}

Schema = dict[str, Any]


class Structural:
    """One conversion: `name` is what errors call the root, `raw` what pydantic made."""

    def __init__(self, name: str, raw: Schema) -> None:
        self._name = name
        self._raw = raw
        self._definitions: dict[str, Schema] = raw.get("$defs", {})

    def schema(self) -> Schema:
        """Convert. Raises TypeError naming the field that cannot be expressed."""
        return self._convert(self._raw, self._name, ())

    def _convert(self, raw: Schema, path: str, within: tuple[str, ...]) -> Schema:
        raw, within = self._inline(raw, path, within)
        if INEXPRESSIBLE in raw:
            raise _refusal(path, raw[INEXPRESSIBLE])
        for key in raw:
            if key not in _KEPT and key not in _DROPPED and key not in _WALKED and not key.startswith("x-kubernetes-"):
                raise _refusal(path, f"a CRD has no {key!r}")
        result = {key: value for key, value in raw.items() if key in _KEPT or key.startswith("x-kubernetes-")}
        if raw.get(INT_OR_STRING):
            return _tidy(result | {"anyOf": [{"type": "integer"}, {"type": "string"}]}, path)
        if "anyOf" in raw:
            result = self._union(raw["anyOf"], path, within) | result
        if "const" in raw:
            result["enum"] = [raw["const"]]
        if raw.get("type") == "object":
            self._object(raw, result, path, within)
        elif raw.get("type") == "array":
            self._array(raw, result, path, within)
        return _tidy(result, path)

    def _inline(self, raw: Schema, path: str, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        while "$ref" in raw or "allOf" in raw:
            parts = raw.get("allOf", [])
            if len(parts) > 1:
                raise _refusal(path, "a CRD cannot join several schemas")
            if "$ref" in raw:
                name = raw["$ref"].removeprefix("#/$defs/")
                if name in within:
                    raise _refusal(path, f"{name} contains itself, and a CRD cannot say that")
                within = (*within, name)
                parts = [self._definitions[name], *parts]
            beside = {key: value for key, value in raw.items() if key not in ("$ref", "allOf")}
            merged: Schema = {}
            for part in (*parts, beside):
                merged |= part
            raw = merged
        return raw, within

    def _object(self, raw: Schema, result: Schema, path: str, within: tuple[str, ...]) -> None:
        properties = raw.get("properties")
        if properties:
            result["properties"] = {
                name: self._convert(part, f"{path}.{name}", within) for name, part in properties.items()
            }
        if raw.get("required"):
            result["required"] = list(raw["required"])
        values = raw.get("additionalProperties")
        if values is True or values == {}:
            result[PRESERVE] = True
        elif isinstance(values, dict):
            if properties:
                raise _refusal(path, "a CRD cannot have both named fields and typed further ones")
            result["additionalProperties"] = self._convert(values, f"{path}{{}}", within)

    def _array(self, raw: Schema, result: Schema, path: str, within: tuple[str, ...]) -> None:
        items = result["items"] = self._convert(raw.get("items", {}), f"{path}[]", within)
        if raw.get("uniqueItems"):
            if items.get("type") in (None, "object", "array"):
                raise _refusal(path, "a set in a CRD holds strings, numbers or booleans only")
            result["x-kubernetes-list-type"] = "set"

    def _union(self, members: list[Schema], path: str, within: tuple[str, ...]) -> Schema:
        parts = [self._convert(member, path, within) for member in members]
        types = {part.get("type") for part in parts}
        if all(part == parts[0] for part in parts):
            return parts[0]
        if len(types) == 1 and all("enum" in part for part in parts):
            return {"type": types.pop(), "enum": [value for part in parts for value in part["enum"]]}
        bare = all(part.keys() == {"type"} for part in parts)
        if bare and types == {"integer", "number"}:
            return {"type": "number"}
        if bare and types == {"integer", "string"}:
            return {"anyOf": [{"type": "integer"}, {"type": "string"}], INT_OR_STRING: True}
        raise _refusal(path, "a CRD cannot express a union, but for one with None or one of int and str (IntOrString)")


def _tidy(schema: Schema, path: str) -> Schema:
    if "enum" in schema:
        _enum(schema, path)
    if schema.get("format") == "duration":
        raise _refusal(path, "a bare timedelta travels as PT5M, which servers refuse; use kubernaut's Duration")
    if schema.get("format") == "binary":
        del schema["format"]
    for bound, exclusive, tighter in (
        ("minimum", "exclusiveMinimum", max),
        ("maximum", "exclusiveMaximum", min),
    ):
        limit = schema.get(exclusive)
        if limit is None or isinstance(limit, bool):
            continue
        other = schema.get(bound)
        schema[bound] = limit if other is None else tighter(limit, other)
        schema[exclusive] = schema[bound] == limit
        if not schema[exclusive]:
            del schema[exclusive]
    # Models fill in empty defaults by themselves; some builds of server 1.20 take an empty string for null, and refuse.
    if schema.get("default", 0) in (None, "", {}, []):
        del schema["default"]
    kind = schema.get("type")
    if kind == "null" or isinstance(kind, list):
        raise _refusal(path, f"a CRD has no type {kind!r}")
    if kind is None and INT_OR_STRING not in schema:
        schema[PRESERVE] = True
    return schema


def _enum(schema: Schema, path: str) -> None:
    values = [value for value in schema["enum"] if value is not None]
    types = {_TYPES.get(type(value)) for value in values}
    if len(types) != 1 or None in types:
        raise _refusal(path, "the values of an enum in a CRD are all strings, or all numbers, or all booleans")
    schema["enum"] = values
    schema["type"] = types.pop()


def _refusal(path: str, why: str) -> TypeError:
    return TypeError(f"{path}: {why}")
