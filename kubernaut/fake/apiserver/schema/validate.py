"""Validation of custom resources against their structural schema, with Kubernetes' messages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from kubernaut.fake.apiserver.patch.errors import Cause, field_cause, go_quote
from kubernaut.fake.apiserver.schema.cel import validate_rules
from kubernaut.fake.apiserver.schema.formats import fits_format
from kubernaut.fake.apiserver.schema.listtypes import check_list_types, old_item

ABSENT: Final = object()
NO_PATH: Final = "<nil>"
# After one of these, rules are not evaluated: their expressions may rely on what is broken.
_BLOCKING: Final = frozenset({"FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"})
_UNCHECKED: Final = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def validate(obj: Any, schema: dict[str, Any] | None, *, old: Any = None) -> list[Cause]:
    """What is wrong with the custom resource `obj`, as causes of an Invalid Status; [] if nothing is.

    `old` is the stored object for updates: transition rules (oldSelf) compare with it, and values that are unchanged
    are not complained about (ratcheting). Raises CelUnavailable when the schema has rules and CEL is not installed.
    """
    if not schema:
        return []
    causes = check_values(obj, schema, old=ABSENT if old is None else old)
    causes += check_list_types(obj, schema)
    if any(cause.reason in _BLOCKING for cause in causes):
        if _has_rules(schema):
            causes.append(field_cause("FieldValueInvalid", NO_PATH, _UNCHECKED, None))
        return causes
    return causes + validate_rules(obj, schema, old=old)


def check_values(value: Any, schema: dict[str, Any], path: str = "", old: Any = ABSENT) -> list[Cause]:
    """The causes that types, bounds, formats, required members and allOf/anyOf/oneOf/not give, without CEL."""
    if old is not ABSENT and type(old) is type(value) and old == value:
        return []
    if value is None:
        return [] if schema.get("nullable") else list(_check_type(value, schema, path))
    causes = list(_check_type(value, schema, path))
    causes += _check_alternatives(value, schema, path)
    causes += _check_enum(value, schema, path)
    if isinstance(value, str):
        causes += _check_string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        causes += _check_number(value, schema, path)
    elif isinstance(value, list):
        causes += _check_list(value, schema, path, old)
    elif isinstance(value, dict):
        causes += _check_map(value, schema, path, old)
    return causes


def _has_rules(schema: Any) -> bool:
    if isinstance(schema, dict):
        return bool(schema.get("x-kubernetes-validations")) or any(_has_rules(part) for part in schema.values())
    return isinstance(schema, list) and any(_has_rules(part) for part in schema)


def _invalid(path: str, detail: str, value: Any) -> Cause:
    return field_cause("FieldValueInvalid", path or NO_PATH, f"{path} in body {detail}", value)


def type_name(value: Any) -> str:
    """The JSON schema type of a value; `null` for None."""
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def _check_type(value: Any, schema: dict[str, Any], path: str) -> Iterator[Cause]:
    wanted = ["integer", "string"] if schema.get("x-kubernetes-int-or-string") else [schema.get("type")]
    found = type_name(value)
    if wanted == [None] or found in wanted or (found == "integer" and "number" in wanted):
        return
    if isinstance(value, float) and value.is_integer() and "integer" in wanted:
        return
    detail = f"{path} in body must be of type {','.join(map(str, wanted))}: {go_quote(found)}"
    yield field_cause("FieldValueTypeInvalid", path or NO_PATH, detail, found)


def _check_enum(value: Any, schema: dict[str, Any], path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if not allowed or any(value == item and type_name(value) == type_name(item) for item in allowed):
        return
    names = [item if isinstance(item, str) else str(item).lower() for item in allowed]
    detail = "supported values: " + ", ".join(go_quote(name) for name in names)
    yield field_cause("FieldValueNotSupported", path or NO_PATH, detail, value)


def _check_string(value: str, schema: dict[str, Any], path: str) -> Iterator[Cause]:
    longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if longest is not None and len(value) > longest:
        unit = "byte" if longest == 1 else "bytes"
        yield field_cause("FieldValueTooLong", path, f"may not be more than {longest} {unit}")
    if shortest is not None and len(value) < shortest:
        yield _invalid(path, f"should be at least {shortest} chars long", value)
    if pattern and not re.search(go_pattern(pattern), value):
        yield _invalid(path, f"should match '{pattern}'", value)
    name = schema.get("format")
    if name and schema.get("type") in (None, "string") and not fits_format(value, name):
        detail = f"{path} in body must be of type {name}: {go_quote(value)}"
        yield field_cause("FieldValueTypeInvalid", path, detail, value)


def go_pattern(pattern: str) -> str:
    r"""`pattern` (RE2 syntax) for Python's re: `\z`, `\A` and the `$` that never matches before a newline."""
    translated = pattern.replace(r"\z", r"\Z")
    return translated[:-1] + r"\Z" if translated.endswith("$") and not translated.endswith(r"\$") else translated


def _check_number(value: float, schema: dict[str, Any], path: str) -> Iterator[Cause]:
    highest, lowest, step = schema.get("maximum"), schema.get("minimum"), schema.get("multipleOf")
    if highest is not None:
        if schema.get("exclusiveMaximum") and value >= highest:
            yield _invalid(path, f"should be less than {highest}", value)
        elif value > highest:
            yield _invalid(path, f"should be less than or equal to {highest}", value)
    if lowest is not None:
        if schema.get("exclusiveMinimum") and value <= lowest:
            yield _invalid(path, f"should be greater than {lowest}", value)
        elif value < lowest:
            yield _invalid(path, f"should be greater than or equal to {lowest}", value)
    if step and not math.isclose(value / step, round(value / step), abs_tol=1e-9):
        yield _invalid(path, f"should be a multiple of {step}", value)


def _too_many(path: str, count: int, limit: int) -> Cause:
    unit = "item" if limit == 1 else "items"
    return field_cause("FieldValueTooMany", path, f"must have at most {limit} {unit}", count)


def _check_list(value: list[Any], schema: dict[str, Any], path: str, old: Any) -> Iterator[Cause]:
    if (limit := schema.get("maxItems")) is not None and len(value) > limit:
        yield _too_many(path, len(value), limit)
    if (limit := schema.get("minItems")) is not None and len(value) < limit:
        yield _invalid(path, f"should have at least {limit} items", len(value))
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            before = old_item(old, schema, item)
            yield from check_values(item, items, f"{path}[{index}]", ABSENT if before is None else before)


def _check_map(value: dict[str, Any], schema: dict[str, Any], path: str, old: Any) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    if (limit := schema.get("maxProperties")) is not None and len(value) > limit:
        yield _too_many(path, len(value), limit)
    if (limit := schema.get("minProperties")) is not None and len(value) < limit:
        yield _invalid(path, f"should have at least {limit} properties", len(value))
    for key in schema.get("required") or ():
        if key not in value:
            yield field_cause("FieldValueRequired", prefix + key)
    properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
    for key in sorted(value):
        below = properties.get(key, additional)
        if isinstance(below, dict):
            before = old.get(key, ABSENT) if isinstance(old, dict) else ABSENT
            yield from check_values(value[key], below, prefix + key, before)


def _check_alternatives(value: Any, schema: dict[str, Any], path: str) -> Iterator[Cause]:
    def complaint(detail: str) -> Cause:
        return field_cause("FieldValueInvalid", NO_PATH, f"{go_quote(path)} {detail}", "")

    def results(key: str) -> list[list[Cause]]:
        return [check_values(value, option, path) for option in schema.get(key) or ()]

    if failures := [result for result in results("allOf") if result]:
        for result in failures:
            yield from result
        suffix = ". None validated" if len(failures) == len(schema["allOf"]) else ""
        yield complaint(f"must validate all the schemas (allOf){suffix}")
    for key, check in (("anyOf", _any_of), ("oneOf", _one_of)):
        if options := results(key):
            detail = check(options)
            if detail:
                if all(options):
                    yield from min(options, key=len)
                yield complaint(detail)
    if isinstance(schema.get("not"), dict) and not check_values(value, schema["not"], path):
        yield complaint("must not validate the schema (not)")


def _any_of(options: list[list[Cause]]) -> str:
    return "must validate at least one schema (anyOf)" if all(options) else ""


def _one_of(options: list[list[Cause]]) -> str:
    valid = sum(1 for option in options if not option)
    if valid == 1:
        return ""
    found = f"Found {valid} valid alternatives" if valid else "Found none valid"
    return f"must validate one and only one schema (oneOf). {found}"
