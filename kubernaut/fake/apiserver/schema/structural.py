"""The check that a CRD's schema is structural, worded as the API server words it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from kubernaut.fake.apiserver.patch.errors import Cause, field_cause
from kubernaut.fake.apiserver.schema.cel import check_rules

_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED: Final = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_NESTED_EMPTY: Final = ("type", "title", "description", "x-kubernetes-list-map-keys")
_NESTED_UNDEFINED: Final = ("additionalProperties", "default", "x-kubernetes-list-type", "x-kubernetes-map-type")
_NESTED_FALSE: Final = (
    "nullable",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
)


def check_structural(schema: dict[str, Any] | None, path: str = "spec.validation.openAPIV3Schema") -> list[Cause]:
    """Why the API server would refuse a CRD with this openAPIV3Schema, sorted; [] if it would take it.

    `path` is where the schema stands in the CRD. Rules are compiled; without CEL each rule is a cause, for rules are
    never skipped.
    """
    if not schema:
        return [field_cause("FieldValueRequired", path, "schemas are required")]
    causes = list(_check(schema, path, "root"))
    return sorted(causes, key=lambda cause: cause.sentence())


def _invalid(path: str, detail: str, value: Any) -> Cause:
    return field_cause("FieldValueInvalid", path, detail, value)


def _forbidden(path: str, detail: str) -> Cause:
    return field_cause("FieldValueForbidden", path, detail)


def _required(path: str, detail: str = "") -> Cause:
    return field_cause("FieldValueRequired", path, detail)


def _check(schema: dict[str, Any], path: str, level: str) -> Iterator[Cause]:
    """Everything of one node and what is below it; `level` is root, item or field."""
    yield from _check_type(schema, path, level)
    yield from _check_keywords(schema, path)
    yield from _check_extensions(schema, path)
    yield from _check_list_type(schema, path)
    yield from _check_members(schema, path, level)
    yield from _check_alternatives(schema, path)
    yield from check_rules(schema, path, root=level == "root" or bool(schema.get("x-kubernetes-embedded-resource")))


def _check_type(schema: dict[str, Any], path: str, level: str) -> Iterator[Cause]:
    kind = schema.get("type") or ""
    if kind == "null":
        yield _forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative")
    elif kind and kind not in _TYPES:
        supported = "supported values: " + ", ".join(f'"{name}"' for name in _TYPES)
        yield field_cause("FieldValueNotSupported", f"{path}.type", supported, kind)
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("x-kubernetes-embedded-resource") and kind != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        yield _invalid(f"{path}.type", detail, kind) if kind else _required(f"{path}.type", detail)
    elif not kind and not free:
        where = {"root": "at the root", "item": "for specified array items", "field": "for specified object fields"}
        yield _required(f"{path}.type", f"must not be empty {where[level]}")
    if level == "root" and kind not in ("", "object"):
        yield _invalid(f"{path}.type", "must be object at the root", kind)
    if level == "root" and schema.get("nullable"):
        yield _forbidden(f"{path}.nullable", "nullable cannot be true at the root")


def _check_keywords(schema: dict[str, Any], path: str) -> Iterator[Cause]:
    for keyword in _UNSUPPORTED:
        if schema.get(keyword) is not None:
            yield _forbidden(f"{path}.{keyword}", f"{keyword} is not supported")
    for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        if not isinstance(schema.get(keyword, False), bool):
            yield _invalid(f"{path}.{keyword}", "must be a boolean", schema[keyword])
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield _forbidden(f"{path}.uniqueItems", detail)
    if isinstance(schema.get("items"), list):
        yield _forbidden(f"{path}.items", "items must be a schema object and not an array")
    additional = schema.get("additionalProperties")
    if additional is False:
        yield _forbidden(f"{path}.additionalProperties", "additionalProperties cannot be set to false")
    if additional and schema.get("properties"):
        detail = "additionalProperties and properties are mutual exclusive"
        yield _forbidden(f"{path}.additionalProperties", detail)
    if pattern := schema.get("pattern"):
        try:
            re.compile(pattern)
        except re.error as error:
            detail = f"must be a valid regular expression, but isn't: {error}"
            yield _invalid(f"{path}.pattern", detail, pattern)


def _check_extensions(schema: dict[str, Any], path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        for name in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if schema.get(name):
                yield _invalid(f"{path}.{name}", "must be false if x-kubernetes-int-or-string is true", True)
        if schema.get("type"):
            yield _forbidden(f"{path}.type", "must be empty if x-kubernetes-int-or-string is true")
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield _invalid(f"{path}.x-kubernetes-preserve-unknown-fields", "must be true or undefined", False)
    if schema.get("x-kubernetes-embedded-resource"):
        if schema.get("additionalProperties") is not None:
            detail = "must not be used if x-kubernetes-embedded-resource is set"
            yield _forbidden(f"{path}.additionalProperties", detail)
        if not schema.get("properties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
            detail = (
                "must not be empty if x-kubernetes-embedded-resource is true "
                "without x-kubernetes-preserve-unknown-fields"
            )
            yield _required(f"{path}.properties", detail)
    if (kind := schema.get("x-kubernetes-map-type")) is not None:
        if kind not in ("atomic", "granular"):
            detail = 'supported values: "atomic", "granular"'
            yield field_cause("FieldValueNotSupported", f"{path}.x-kubernetes-map-type", detail, kind)
        if schema.get("type") != "object":
            yield _invalid(
                f"{path}.type", "must be object if x-kubernetes-map-type is specified", schema.get("type", "")
            )


def _check_list_type(schema: dict[str, Any], path: str) -> Iterator[Cause]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    items = schema.get("items") or {}
    if kind is not None and schema.get("type") != "array":
        detail = "must be array if x-kubernetes-list-type is specified"
        yield _invalid(f"{path}.type", detail, schema.get("type", ""))
    if kind not in (None, "atomic", "set", "map"):
        detail = 'supported values: "atomic", "set", "map"'
        yield field_cause("FieldValueNotSupported", f"{path}.x-kubernetes-list-type", detail, kind)
    if keys and kind != "map":
        detail = "must be map if x-kubernetes-list-map-keys is non-empty"
        where = f"{path}.x-kubernetes-list-type"
        yield _required(where, detail) if kind is None else _invalid(where, detail, kind)
    if kind in ("set", "map") and items.get("nullable"):
        yield _forbidden(f"{path}.items.nullable", f"cannot be nullable when x-kubernetes-list-type is {kind}")
    if kind == "set" and items.get("type") == "array" and items.get("x-kubernetes-list-type", "atomic") != "atomic":
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        yield _invalid(f"{path}.items.x-kubernetes-list-type", detail, items["x-kubernetes-list-type"])
    if kind == "map":
        yield from _check_map_keys(items, keys or [], path)


def _check_map_keys(items: dict[str, Any], keys: list[str], path: str) -> Iterator[Cause]:
    where = f"{path}.x-kubernetes-list-map-keys"
    if not keys:
        yield _required(where, "must not be empty if x-kubernetes-list-type is map")
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        yield _invalid(f"{path}.items.type", detail, items.get("type", ""))
    if len(set(keys)) != len(keys):
        yield _invalid(where, "must not contain duplicate entries", keys)
    properties = items.get("properties") or {}
    for key in keys:
        here = f"{path}.items.properties[{key}]"
        if key not in properties:
            yield _invalid(where, "entries must all be names of item properties", keys)
            continue
        if properties[key].get("type") in ("array", "object"):
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield _invalid(f"{here}.type", detail, properties[key]["type"])
        if key not in (items.get("required") or ()) and "default" not in properties[key]:
            detail = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            )
            yield _required(f"{here}.default", detail)
        if properties[key].get("nullable"):
            detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            yield _forbidden(f"{here}.nullable", detail)


def _check_members(schema: dict[str, Any], path: str, level: str) -> Iterator[Cause]:
    items = schema.get("items")
    if schema.get("type") == "array" and items is None:
        yield _required(f"{path}.items", "must be specified")
    if isinstance(items, dict):
        yield from _check(items, f"{path}.items", "item")
    implied = level == "root" or bool(schema.get("x-kubernetes-embedded-resource"))
    for name, below in (schema.get("properties") or {}).items():
        here = f"{path}.properties[{name}]"
        if implied and name in ("apiVersion", "kind") and below.get("type") != "string":
            yield _invalid(f"{here}.type", "must be string", below.get("type", ""))
        if implied and name == "metadata":
            yield from _check_metadata(below, here, level)
        else:
            yield from _check(below, here, "field")
    additional = schema.get("additionalProperties")
    if additional is not None and level == "root":
        yield _forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if isinstance(additional, dict):
        yield from _check(additional, f"{path}.additionalProperties", "field")


def _check_metadata(schema: dict[str, Any], path: str, level: str) -> Iterator[Cause]:
    if schema.get("type") != "object":
        yield _invalid(f"{path}.type", "must be object", schema.get("type", ""))
    extra = set(schema) - {"type", "properties", "description"}
    named = set(schema.get("properties") or ()) - {"name", "generateName"}
    if level == "root" and (extra or named):
        detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield _forbidden(path, detail)


def _check_alternatives(schema: dict[str, Any], path: str) -> Iterator[Cause]:
    for keyword in ("allOf", "anyOf", "oneOf"):
        options = schema.get(keyword) or []
        if keyword == "anyOf" and schema.get("x-kubernetes-int-or-string") and options == _INT_OR_STRING:
            continue
        for index, option in enumerate(options):
            if keyword == "allOf" and index == 0 and option.get("anyOf") == _INT_OR_STRING:
                continue
            yield from _check_nested(option, f"{path}.{keyword}[{index}]", rules=keyword == "allOf")
    if isinstance(schema.get("not"), dict):
        yield from _check_nested(schema["not"], f"{path}.not", rules=False)


def _check_nested(schema: dict[str, Any], path: str, *, rules: bool) -> Iterator[Cause]:
    """Inside allOf, anyOf, oneOf and not only value validation may stand."""
    for name in _NESTED_EMPTY:
        if schema.get(name):
            yield _forbidden(f"{path}.{name}", "must be empty to be structural")
    for name in _NESTED_UNDEFINED:
        if schema.get(name) is not None:
            yield _forbidden(f"{path}.{name}", "must be undefined to be structural")
    for name in _NESTED_FALSE:
        if schema.get(name):
            yield _forbidden(f"{path}.{name}", "must be false to be structural")
    if schema.get("x-kubernetes-validations") and not rules:
        yield _forbidden(f"{path}.x-kubernetes-validations", "must be empty to be structural")
    for name, below in (schema.get("properties") or {}).items():
        if name == "metadata":
            yield _forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context")
        yield from _check_nested(below, f"{path}.properties[{name}]", rules=rules)
    if isinstance(schema.get("items"), dict):
        yield from _check_nested(schema["items"], f"{path}.items", rules=rules)
    yield from _check_alternatives(schema, path)
