"""Where CEL rules go in a structural schema."""

import re
from collections.abc import Iterable
from typing import Any

from kubernaut.resources.types import Rule

VALIDATIONS = "x-kubernetes-validations"

_STEP = re.compile(r"([^.\[\]{}]+)((?:\[\]|\{\})*)\Z")


def add_rules(name: str, schema: dict[str, Any], rules: Iterable[Rule]) -> None:
    """Add rules to a schema, in place. Raises TypeError for a rule bound to a place that the schema lacks."""
    for rule in rules:
        place = _find(name, schema, rule.at)
        place.setdefault(VALIDATIONS, []).append(_manifest(rule))


def _find(name: str, schema: dict[str, Any], at: str) -> dict[str, Any]:
    place: dict[str, Any] | None = schema
    for step in at.split(".") if at else ():
        match = _STEP.match(step)
        place = place.get("properties", {}).get(match[1]) if place is not None and match else None
        for hop in re.findall(r"\[\]|\{\}", match[2]) if match else ():
            place = place.get("items" if hop == "[]" else "additionalProperties") if place is not None else None
        if not isinstance(place, dict):
            raise TypeError(f"{name}: a rule is bound to {at!r}, but there is no {step!r}")
    assert place is not None
    return place


def _manifest(rule: Rule) -> dict[str, Any]:
    manifest: dict[str, Any] = {"rule": rule.rule}
    if rule.message:
        manifest["message"] = rule.message
    if rule.message_expression:
        manifest["messageExpression"] = rule.message_expression
    if rule.reason:
        manifest["reason"] = rule.reason
    if rule.field_path:
        manifest["fieldPath"] = rule.field_path
    if rule.optional_old_self:
        manifest["optionalOldSelf"] = True
    return manifest
