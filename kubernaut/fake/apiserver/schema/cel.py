"""CEL validation rules of custom resources: checked when the CRD is written, evaluated when resources are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kubernaut.fake.apiserver.patch.errors import OMITTED, Cause, field_cause
from kubernaut.fake.apiserver.schema.celengine import CelCompileError, CelEvalError, CelUnavailable, load_engine
from kubernaut.fake.apiserver.schema.celrewrite import (
    cel_type,
    fit,
    to_cel,
    uses_old_self,
    with_metadata,
)
from kubernaut.fake.apiserver.schema.celtext import outside_strings
from kubernaut.fake.apiserver.schema.listtypes import old_item

_RULES: Final = "x-kubernetes-validations"
_REASONS: Final = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_MAX_MESSAGE: Final = 5120
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]")


def check_rules(schema: dict[str, Any], path: str, *, root: bool = False) -> list[Cause]:
    """What is wrong with the rules at this node of a CRD schema (not below it); without CEL, every rule is."""
    causes: list[Cause] = []
    seen = with_metadata(schema) if root else schema
    for index, rule in enumerate(schema.get(_RULES) or ()):
        causes += _check_rule(rule, seen, f"{path}.{_RULES}[{index}]")
    return causes


def _check_rule(rule: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[Cause]:
    expression = rule.get("rule", "")
    if not expression.strip():
        yield field_cause("FieldValueRequired", f"{path}.rule", "rule is not specified")
        return
    message = rule.get("message")
    if message is not None and not message.strip():
        yield field_cause("FieldValueInvalid", f"{path}.message", "must be non-empty if specified", message)
    if message and "\n" in message.strip():
        yield field_cause("FieldValueInvalid", f"{path}.message", "must not contain line breaks", message)
    if not message and "\n" in expression.strip():
        detail = "message must be specified if rule contains line breaks"
        yield field_cause("FieldValueRequired", f"{path}.message", detail)
    reason = rule.get("reason")
    if reason is not None and reason not in _REASONS:
        supported = "supported values: " + ", ".join(f'"{name}"' for name in _REASONS)
        yield field_cause("FieldValueNotSupported", f"{path}.reason", supported, reason)
    if (where := rule.get("fieldPath")) is not None and not _leads_somewhere(where, schema):
        yield field_cause("FieldValueInvalid", f"{path}.fieldPath", "must be a valid path", where)
    if rule.get("optionalOldSelf") is not None and not uses_old_self(expression):
        detail = "may not be set if oldSelf is not used in rule"
        yield field_cause("FieldValueInvalid", f"{path}.optionalOldSelf", detail, rule["optionalOldSelf"])
    try:
        _compile(expression, schema, "BOOL", optional=bool(rule.get("optionalOldSelf")), has_old=True)
    except (CelCompileError, CelUnavailable) as error:
        yield field_cause("FieldValueInvalid", f"{path}.rule", str(error), rule)
    if text := rule.get("messageExpression"):
        try:
            _compile(text, schema, "STRING", optional=False, has_old=True)
        except (CelCompileError, CelUnavailable) as error:
            detail = f"messageExpression {error}"
            yield field_cause("FieldValueInvalid", f"{path}.messageExpression", detail, rule)


def _compile(expression: str, schema: dict[str, Any], result: str, *, optional: bool, has_old: bool) -> Any:
    fitted = fit(expression, schema)
    if optional:
        # The engine has no optional variables; the two cases are two expressions.
        value = "optional.of(oldSelf)" if has_old else "optional.none()"
        fitted = outside_strings(fitted, lambda text: re.sub(r"(?<![\w.])oldSelf\b", value, text))
    kind = cel_type(schema)
    return load_engine().compile(fitted, (("self", kind), ("oldSelf", kind)), result)


def validate_rules(obj: Any, schema: dict[str, Any], *, old: Any = None) -> list[Cause]:
    """The causes that the rules anywhere in `schema` give for `obj`.

    Rules that mention oldSelf run only where `old` has a corresponding value (unless optionalOldSelf); other rules
    that fail on an unchanged value are let pass (ratcheting). Raises CelUnavailable when there are rules but no CEL.
    """
    return list(_walk(_Place(obj, old, "", root=True), schema))


@dataclass(frozen=True, slots=True)
class _Place:
    """A value, the older value it continues (None: there is none), and its path."""

    value: Any
    old: Any
    path: str
    root: bool = False


def _walk(place: _Place, schema: dict[str, Any]) -> Iterator[Cause]:
    if place.value is None:
        return
    if schema.get(_RULES):
        yield from _evaluate(place, schema)
    for option in schema.get("allOf") or ():
        if option.get(_RULES):
            yield from _evaluate(place, {**schema, _RULES: option[_RULES]})
    value, path = place.value, place.path
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from _walk(_Place(item, old_item(place.old, schema, item), f"{path}[{index}]"), items)
    elif isinstance(value, dict):
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        older = place.old if isinstance(place.old, dict) else {}
        for key in sorted(value):
            if key in properties:
                where = f"{path}.{key}" if path else key
                yield from _walk(_Place(value[key], older.get(key), where), properties[key])
            elif isinstance(additional, dict):
                yield from _walk(_Place(value[key], older.get(key), f"{path}[{key}]"), additional)


def _evaluate(place: _Place, schema: dict[str, Any]) -> Iterator[Cause]:
    seen = with_metadata(schema) if place.root else schema
    own, old = to_cel(place.value, seen), to_cel(place.old, seen)
    values = {"self": own, "oldSelf": own if old is None else old}
    unchanged = place.old is not None and place.old == place.value
    for rule in schema[_RULES]:
        expression, optional = rule["rule"], bool(rule.get("optionalOldSelf"))
        transition = uses_old_self(expression)
        if transition and old is None and not optional:
            continue
        try:
            program = _compile(expression, seen, "BOOL", optional=optional, has_old=old is not None)
            passed = program(values)
        except CelCompileError as error:
            yield _broken(place, schema, f"rule compile error: {error}")
            continue
        except CelEvalError as error:
            yield _broken(place, schema, _evaluation_error(str(error), rule))
            continue
        if not passed and (transition or not unchanged):
            yield _failure(place, seen, rule, values)


def _broken(place: _Place, schema: dict[str, Any], detail: str) -> Cause:
    return field_cause("FieldValueInvalid", place.path or "<nil>", detail, schema.get("type", ""))


def _evaluation_error(error: str, rule: dict[str, Any]) -> str:
    name = (rule.get("message") or rule["rule"]).strip()
    if error.startswith("no such overload"):
        reason = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {reason}: {name}"
    return f"{error} evaluating rule: {name}"


def _failure(place: _Place, schema: dict[str, Any], rule: dict[str, Any], values: dict[str, Any]) -> Cause:
    default = (rule.get("message") or "").strip() or f"failed rule: {rule['rule'].strip()}"
    detail = _expressed(rule, schema, values) or default
    path = place.path + _normalized(rule.get("fieldPath") or "")
    reason = rule.get("reason") or "FieldValueInvalid"
    value = OMITTED if schema.get("type") in ("object", "array") else place.value
    if reason in ("FieldValueForbidden", "FieldValueRequired"):
        value = OMITTED
    if reason == "FieldValueDuplicate":
        detail = ""
    return field_cause(reason, path.removeprefix(".") or "<nil>", detail, value)


def _expressed(rule: dict[str, Any], schema: dict[str, Any], values: dict[str, Any]) -> str:
    """The rule's messageExpression for `values`; "" where the server falls back on the message."""
    if not (expression := rule.get("messageExpression")):
        return ""
    try:
        text: str = _compile(expression, schema, "STRING", optional=False, has_old=True)(values).strip()
    except (CelEvalError, CelCompileError):
        return ""
    return "" if "\n" in text or len(text.encode()) > _MAX_MESSAGE else text


def _steps(path: str) -> list[str] | None:
    """The member names a fieldPath goes through; None if it is malformed."""
    if not path or "".join(found[0] for found in _STEP.finditer(path)) != path:
        return None
    return [found[1] or re.sub(r"\\(.)", r"\1", found[2]) for found in _STEP.finditer(path)]


def _normalized(path: str) -> str:
    return "".join(f".{step}" for step in _steps(path) or ())


def _leads_somewhere(path: str, schema: dict[str, Any]) -> bool:
    steps = _steps(path)
    if steps is None:
        return False
    current: Any = schema
    for step in steps:
        additional = current.get("additionalProperties")
        current = (current.get("properties") or {}).get(step, additional if isinstance(additional, dict) else None)
        if current is None:
            return False
    return True
