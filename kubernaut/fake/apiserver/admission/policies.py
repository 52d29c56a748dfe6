"""ValidatingAdmissionPolicies and their bindings: CEL expressions that decide on requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes, Object
from kubernaut.fake.apiserver.admission.cel import evaluate, values_of
from kubernaut.fake.apiserver.admission.rules import exempt, matched, namespace_selected, object_selected
from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.schema.celengine import CelCompileError, CelEvalError
from kubernaut.fake.apiserver.selectors import from_label_selector, matches_labels
from kubernaut.fake.apiserver.status import StatusError, forbidden
from kubernaut.fake.apiserver.storage import Storage

_GROUP = "admissionregistration.k8s.io"
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}
_MAX_MESSAGE = 5120


@dataclass(frozen=True, slots=True)
class _Denial:
    message: str
    reason: str = ""


class Policies:
    """The policies, each with the bindings that put it to use."""

    def __init__(self, storage: Storage) -> None:
        self._policies: Followed[Object] = Followed(storage, f"{_GROUP}/validatingadmissionpolicies", lambda obj: obj)
        self._bindings: Followed[Object] = Followed(
            storage, f"{_GROUP}/validatingadmissionpolicybindings", lambda obj: obj
        )

    def validate(self, attributes: Attributes) -> None:
        """Raises the StatusError of the first binding that denies; other failures become warnings or nothing."""
        bindings = self._bindings.all()
        if not bindings or exempt(attributes):
            return
        policies = self._policies.by_key()
        denied: StatusError | None = None
        for binding in bindings:
            policy = policies.get((binding.get("spec") or {}).get("policyName", ""))
            if policy is None or not _about(policy, binding, attributes):
                continue
            for denial in _Evaluation(policy, binding, attributes).denials():
                denied = _act(policy, binding, denial, attributes) or denied
                if denied is not None:
                    raise denied


def _about(policy: Object, binding: Object, attributes: Attributes) -> bool:
    spec = policy["spec"]
    own = (binding["spec"] or {}).get("matchResources")
    return _matches(spec.get("matchConstraints") or {}, attributes) and (own is None or _matches(own, attributes))


def _matches(constraints: Mapping[str, Any], attributes: Attributes) -> bool:
    equivalent = constraints.get("matchPolicy") != "Exact"
    rules = constraints.get("resourceRules")
    if matched(constraints.get("excludeResourceRules") or (), attributes, equivalent=equivalent) is not None:
        return False
    if rules and matched(rules, attributes, equivalent=equivalent) is None:
        return False
    return namespace_selected(constraints.get("namespaceSelector"), attributes) and object_selected(
        constraints.get("objectSelector"), attributes
    )


def _act(policy: Object, binding: Object, denial: _Denial, attributes: Attributes) -> StatusError | None:
    names = f"ValidatingAdmissionPolicy '{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
    actions = binding["spec"].get("validationActions") or ("Deny",)
    if "Warn" in actions:
        attributes.call.warnings.append(f"Validation failed for {names}: {denial.message}")
    if "Deny" not in actions:
        return None
    message = f"{names} denied request: {denial.message}"
    resource = attributes.resource
    error = forbidden(resource.group, resource.plural, attributes.name, message)
    error.reason = denial.reason or "Invalid"
    error.code = _CODES.get(error.reason, 422)
    error.details = {**(error.details or {}), "causes": [{"message": message}]}
    return error


class _Evaluation:
    """One policy on one request under one binding."""

    def __init__(self, policy: Object, binding: Object, attributes: Attributes) -> None:
        self._spec = policy["spec"]
        self._binding = binding["spec"]
        self._attributes = attributes
        self._lenient = self._spec.get("failurePolicy") == "Ignore"

    def denials(self) -> Iterator[_Denial]:
        values = values_of(self._attributes)
        if not self._spec.get("paramKind"):
            yield from self._decisions(values)
            return
        found = self._params()
        if isinstance(found, _Denial):
            if not self._lenient:
                yield found
            return
        for params in found:
            yield from self._decisions({**values, "params": params})

    def _decisions(self, values: dict[str, Any]) -> Iterator[_Denial]:
        try:
            if not all(self._evaluate(item["expression"], values) for item in self._spec.get("matchConditions") or ()):
                return
        except _Failed as failed:
            if not self._lenient:
                yield _Denial(str(failed))
            return
        values = {**values, "variables": self._variables(values)}
        for validation in self._spec.get("validations") or ():
            try:
                passed = self._evaluate(validation["expression"], values)
            except _Failed as failed:
                if not self._lenient:
                    yield _Denial(str(failed), validation.get("reason", ""))
                continue
            if not passed:
                yield _Denial(_message(validation, values), validation.get("reason", ""))

    def _evaluate(self, expression: str, values: Mapping[str, Any]) -> bool:
        try:
            return bool(evaluate(expression, values, "BOOL"))
        except (CelCompileError, CelEvalError) as error:
            raise _Failed(f"expression '{expression}' resulted in error: {error}") from error

    def _variables(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Each may use those before it. One that fails is missing, and fails those who use it."""
        known: dict[str, Any] = {}
        for variable in self._spec.get("variables") or ():
            try:
                known[variable["name"]] = evaluate(variable["expression"], {**values, "variables": dict(known)}, "")
            except (CelCompileError, CelEvalError):
                continue
        return known

    def _params(self) -> list[Object | None] | _Denial:
        """The objects that the binding's paramRef names; [None] where they may be absent."""
        reference, kind = self._binding.get("paramRef"), self._spec["paramKind"]
        if reference is None:
            return [None]
        resource = self._attributes.call.state.registry.by_kind(kind.get("apiVersion", ""), kind.get("kind", ""))
        if resource is None:
            return _Denial(f"failed to configure binding: paramKind kind `{kind.get('kind')}` not known")
        namespace = ""
        if resource.namespaced:
            namespace = reference.get("namespace") or self._attributes.namespace
            if not namespace:
                text = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                return _Denial(f"failed to configure binding: {text}")
        storage = self._attributes.call.state.storage
        found: list[Object | None] = []
        if reference.get("name"):
            stored = storage.get(resource.store, namespace, reference["name"])
            found = [stored.decode()] if stored else []
        else:
            terms = from_label_selector(reference.get("selector") or {})
            found = [
                stored.decode()
                for stored in storage.iterate(resource.store, namespace)
                if matches_labels(terms, stored.labels)
            ]
        if found:
            return found
        if reference.get("parameterNotFoundAction") == "Deny":
            text = "no params found for policy binding with `Deny` parameterNotFoundAction"
            return _Denial(f"failed to configure binding: {text}")
        return []


class _Failed(Exception):
    """An expression could not be evaluated."""


def _message(validation: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    if expression := validation.get("messageExpression"):
        try:
            text = str(evaluate(expression, values, "STRING")).strip()
        except (CelCompileError, CelEvalError):
            text = ""
        if text and "\n" not in text and len(text.encode()) <= _MAX_MESSAGE:
            return text
    return validation.get("message") or f"failed expression: {validation['expression']}"
