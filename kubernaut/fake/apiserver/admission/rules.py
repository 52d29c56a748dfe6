"""Which requests a webhook or a policy is for: resource rules and selectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubernaut.fake.apiserver.admission.attributes import Attributes
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.selectors import from_label_selector, matches_labels
from kubernaut.fake.apiserver.status import not_found

Rule = Mapping[str, Any]
_CONFIGURATION = frozenset(
    f"admissionregistration.k8s.io/{name}"
    for name in (
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    )
)


def exempt(attributes: Attributes) -> bool:
    """Configuration of admission is not subject to it: a broken one could never be removed."""
    return attributes.resource.store in _CONFIGURATION


def matched(rules: Iterable[Rule], attributes: Attributes, *, equivalent: bool) -> ResourceInfo | None:
    """The resource as which the request is matched: its own, or with `equivalent` another version of the same."""
    wanted = list(rules)
    own = attributes.resource
    if any(_matches(rule, attributes, own) for rule in wanted):
        return own
    if equivalent:
        for other in attributes.call.state.registry.all():
            if other.store == own.store and any(_matches(rule, attributes, other) for rule in wanted):
                return other
    return None


def _matches(rule: Rule, attributes: Attributes, resource: ResourceInfo) -> bool:
    operations = rule.get("operations") or ()
    return (
        ("*" in operations or attributes.operation in operations)
        and _in(resource.group, rule.get("apiGroups"))
        and _in(resource.version, rule.get("apiVersions"))
        and any(_resource(pattern, resource.plural, attributes.subresource) for pattern in rule.get("resources") or ())
        and _scope(rule.get("scope") or "*", attributes)
        and (not rule.get("resourceNames") or attributes.name in rule["resourceNames"])
    )


def _in(value: str, wanted: Iterable[str] | None) -> bool:
    names = list(wanted or ())
    return "*" in names or value in names


def _resource(pattern: str, plural: str, subresource: str) -> bool:
    name, _, below = pattern.partition("/")
    return name in ("*", plural) and below in ("*", subresource)


def _scope(scope: str, attributes: Attributes) -> bool:
    namespaced = attributes.resource.store != "namespaces" and bool(attributes.namespace)
    return scope == "*" or (scope == "Namespaced") == namespaced


def namespace_selected(selector: Mapping[str, Any] | None, attributes: Attributes) -> bool:
    """Whether the namespace of the request (or the namespace that it is about) has the labels.

    Cluster-scoped objects are always selected. Raises StatusError 404 for a namespace that is not there.
    """
    if not selector:
        return True
    terms = from_label_selector(selector)
    if attributes.resource.store == "namespaces":
        return matches_labels(terms, _labels(attributes.obj or attributes.old))
    if not attributes.namespace:
        return True
    stored = attributes.call.state.storage.get("namespaces", "", attributes.namespace)
    if stored is None:
        raise not_found("", "namespaces", attributes.namespace)
    return matches_labels(terms, stored.labels)


def object_selected(selector: Mapping[str, Any] | None, attributes: Attributes) -> bool:
    """Whether the object before or after the request has the labels."""
    if not selector:
        return True
    terms = from_label_selector(selector)
    both = (obj for obj in (attributes.obj, attributes.old) if obj is not None)
    return any(matches_labels(terms, _labels(obj)) for obj in both)


def _labels(obj: Mapping[str, Any] | None) -> Mapping[str, str]:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}
