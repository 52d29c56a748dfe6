"""ValidatingAdmissionPolicies and their bindings: defaults, and expressions that compile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Kind, Object, ensure
from kubernaut.fake.apiserver.kinds.registration import expression_causes, rule_causes
from kubernaut.fake.apiserver.status import CauseLike, invalid_value, not_supported, required

_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")


def _default_match(constraints: Object) -> None:
    constraints.setdefault("matchPolicy", "Equivalent")
    constraints.setdefault("namespaceSelector", {})
    constraints.setdefault("objectSelector", {})
    for name in ("resourceRules", "excludeResourceRules"):
        for rule in constraints.get(name) or ():
            rule.setdefault("scope", "*")


class PolicyKind(Kind):
    """A ValidatingAdmissionPolicy."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        spec.setdefault("failurePolicy", "Fail")
        if isinstance(spec.get("matchConstraints"), dict):
            _default_match(spec["matchConstraints"])

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec = obj["spec"]
        found: list[CauseLike] = []
        if not spec.get("validations") and not spec.get("auditAnnotations"):
            found.append(required("spec.validations", "validations or auditAnnotations must be specified"))
        constraints = spec.get("matchConstraints")
        if not constraints:
            found.append(required("spec.matchConstraints"))
        else:
            rules = constraints.get("resourceRules") or []
            if not rules:
                found.append(required("spec.matchConstraints.resourceRules"))
            for index, rule in enumerate(rules):
                found += rule_causes(rule, f"spec.matchConstraints.resourceRules[{index}]")
        for name in ("variables", "matchConditions"):
            for index, item in enumerate(spec.get(name) or ()):
                result = "BOOL" if name == "matchConditions" else ""
                found += expression_causes(item.get("expression"), f"spec.{name}[{index}].expression", result)
        for index, item in enumerate(spec.get("validations") or ()):
            path = f"spec.validations[{index}]"
            found += expression_causes(item.get("expression"), f"{path}.expression", "BOOL")
            if item.get("messageExpression"):
                found += expression_causes(item["messageExpression"], f"{path}.messageExpression", "STRING")
            if item.get("reason") not in (None, *_REASONS):
                found.append(not_supported(f"{path}.reason", f'"{item["reason"]}"', _REASONS))
        return found


class PolicyBindingKind(Kind):
    """A ValidatingAdmissionPolicyBinding."""

    def default(self, obj: Object) -> None:
        resources = ensure(obj, "spec").get("matchResources")
        if isinstance(resources, dict):
            _default_match(resources)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec = obj["spec"]
        found: list[CauseLike] = []
        if not spec.get("policyName"):
            found.append(required("spec.policyName"))
        reference = spec.get("paramRef")
        if isinstance(reference, dict):
            if ("name" in reference) == ("selector" in reference):
                found.append(required("spec.paramRef.name", "one of name or selector must be specified"))
            if not reference.get("parameterNotFoundAction"):
                found.append(required("spec.paramRef.parameterNotFoundAction"))
        actions = spec.get("validationActions") or []
        if not actions:
            found.append(required("spec.validationActions"))
        for index, action in enumerate(actions):
            if action not in _ACTIONS:
                found.append(not_supported(f"spec.validationActions[{index}]", f'"{action}"', _ACTIONS))
        if "Deny" in actions and "Warn" in actions:
            shown = json.dumps(actions, separators=(",", ":"))
            found.append(invalid_value("spec.validationActions", shown, "must not contain both Deny and Warn"))
        return found
