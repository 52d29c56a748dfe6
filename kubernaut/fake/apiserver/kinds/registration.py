"""Configurations of admission: webhooks, policies and their bindings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kubernaut.fake.apiserver.kinds.base import Kind, Object
from kubernaut.fake.apiserver.schema.celengine import REQUEST_VARIABLES, CelCompileError, CelUnavailable, load_engine
from kubernaut.fake.apiserver.status import Cause, CauseLike, invalid_value, not_supported, required

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_VERSIONS = ("v1", "v1beta1")


def _json(value: Any) -> str:
    text: bytes = msgspec.json.encode(value)
    return text.decode()


class WebhookConfigurationKind(Kind):
    """Defaults and checks of every webhook; as on the server, objects of either type."""

    def default(self, obj: Object) -> None:
        for hook in obj.get("webhooks") or ():
            hook.setdefault("failurePolicy", "Fail")
            hook.setdefault("matchPolicy", "Equivalent")
            hook.setdefault("namespaceSelector", {})
            hook.setdefault("objectSelector", {})
            hook.setdefault("timeoutSeconds", 10)
            if obj["kind"] == "MutatingWebhookConfiguration":
                hook.setdefault("reinvocationPolicy", "Never")
            for rule in hook.get("rules") or ():
                rule.setdefault("scope", "*")
            if "service" in (hook.get("clientConfig") or {}):
                hook["clientConfig"]["service"].setdefault("port", 443)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        causes: list[CauseLike] = []
        seen: dict[str, None] = {}
        for index, hook in enumerate(obj.get("webhooks") or ()):
            path, name = f"webhooks[{index}]", hook.get("name", "")
            causes += _hook_causes(hook, path)
            if name in seen:
                causes.append(Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{path}.name"))
            seen[name] = None
        return causes


def _hook_causes(hook: Mapping[str, Any], path: str) -> Iterator[Cause]:
    name = hook.get("name", "")
    if len([part for part in name.split(".") if part]) < 3:
        text = "should be a domain with at least three segments separated by dots"
        yield invalid_value(f"{path}.name", f'"{name}"', text)
    for index, rule in enumerate(hook.get("rules") or ()):
        yield from rule_causes(rule, f"{path}.rules[{index}]")
    yield from _choice(hook, "failurePolicy", ("Fail", "Ignore"), path)
    yield from _choice(hook, "matchPolicy", ("Equivalent", "Exact"), path)
    effects = hook.get("sideEffects")
    if not effects:
        yield required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun")
    elif effects not in _SIDE_EFFECTS:
        yield not_supported(f"{path}.sideEffects", f'"{effects}"', _SIDE_EFFECTS)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        yield invalid_value(f"{path}.timeoutSeconds", str(seconds), text)
    yield from _choice(hook, "reinvocationPolicy", ("Never", "IfNeeded"), path)
    for index, condition in enumerate(hook.get("matchConditions") or ()):
        yield from expression_causes(condition.get("expression"), f"{path}.matchConditions[{index}].expression", "BOOL")
    yield from client_causes(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    accepted = hook.get("admissionReviewVersions") or []
    where = f"{path}.admissionReviewVersions"
    if not accepted:
        yield required(where, "must specify one of v1, v1beta1")
    elif not any(version in _VERSIONS for version in accepted):
        yield invalid_value(where, _json(accepted), "must include at least one of v1, v1beta1")


def _choice(hook: Mapping[str, Any], name: str, known: Iterable[str], path: str) -> Iterator[Cause]:
    value = hook.get(name)
    if value is not None and value not in tuple(known):
        yield not_supported(f"{path}.{name}", f'"{value}"', known)


def client_causes(client: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """What is wrong with a WebhookClientConfig."""
    url = client.get("url")
    if bool(url) == bool("service" in client):
        yield required(path, "exactly one of url or service is required")
        return
    if not url:
        return
    desired = "; desired format: https://host[/path]"
    parts = urlsplit(url)
    if parts.scheme != "https":
        text = "'https' is the only allowed URL scheme" + desired
        yield invalid_value(f"{path}.url", f'"{parts.scheme}"', text)
    if not parts.hostname:
        yield invalid_value(f"{path}.url", '""', "host must be specified" + desired)
    if parts.username is not None:
        yield invalid_value(f"{path}.url", f'"{parts.username}"', "user information is not permitted in the URL")


def expression_causes(expression: Any, path: str, result: str) -> Iterator[Cause]:
    """Why an expression over admission requests, of the CEL type `result` (any if empty), is no good."""
    if not isinstance(expression, str) or not expression.strip():
        yield required(path, "expression is not specified")
        return
    try:
        load_engine().compile(expression, REQUEST_VARIABLES, result)
    except (CelCompileError, CelUnavailable) as error:
        yield invalid_value(path, _json(expression), str(error))


def rule_causes(rule: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """What is wrong with a rule of a webhook or of a policy."""
    operations = rule.get("operations") or []
    if not operations:
        yield required(f"{path}.operations")
    elif "*" in operations and len(operations) > 1:
        text = "if '*' is present, must not specify other operations"
        yield invalid_value(f"{path}.operations", _json(operations), text)
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield not_supported(f"{path}.operations[{index}]", f'"{operation}"', _OPERATIONS)
    for name, shown in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(name) or []
        if not values:
            yield required(f"{path}.{name}")
        elif "*" in values and len(values) > 1:
            yield invalid_value(f"{path}.{name}", _json(values), f"if '*' is present, must not specify other {shown}")
    resources = rule.get("resources") or []
    if not resources:
        yield required(f"{path}.resources")
    elif "*/*" in resources and len(resources) > 1:
        text = "if '*/*' is present, must not specify other resources"
        yield invalid_value(f"{path}.resources", _json(resources), text)
    elif "*" in resources and any("/" not in name for name in resources if name != "*"):
        text = "if '*' is present, must not specify other resources without subresources"
        yield invalid_value(f"{path}.resources", _json(resources), text)
    scope = rule.get("scope")
    if scope is not None and scope not in _SCOPES:
        yield not_supported(f"{path}.scope", f'"{scope}"', _SCOPES)
