"""Roles and bindings: defaults, and rules that make sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubernaut.fake.apiserver.kinds.base import Kind, Object
from kubernaut.fake.apiserver.status import Cause, CauseLike, forbidden_field, invalid_value, not_supported, required

_GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")


def _json(value: Any) -> str:
    text: bytes = msgspec.json.encode(value)
    return text.decode()


class RoleKind(Kind):
    """A Role or a ClusterRole."""

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        namespaced = obj["kind"] == "Role"
        found: list[CauseLike] = []
        for index, rule in enumerate(obj.get("rules") or ()):
            found += _rule_causes(rule, f"rules[{index}]", namespaced=namespaced)
        return found


def _rule_causes(rule: Mapping[str, Any], path: str, *, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        yield required(f"{path}.verbs", "verbs must contain at least one value")
    urls = rule.get("nonResourceURLs")
    if urls:
        where, shown = f"{path}.nonResourceURLs", _json(urls)
        if namespaced:
            yield invalid_value(where, shown, "namespaced rules cannot apply to non-resource URLs")
        elif rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            yield invalid_value(where, shown, "rules cannot apply to both regular resources and non-resource URLs")
        return
    if not rule.get("apiGroups"):
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


class RoleBindingKind(Kind):
    """A RoleBinding or a ClusterRoleBinding; the role that it refers to never changes."""

    def default(self, obj: Object) -> None:
        if isinstance(obj.get("roleRef"), dict):
            obj["roleRef"].setdefault("apiGroup", _GROUP)
        for subject in obj.get("subjects") or ():
            if subject.get("kind") in ("User", "Group"):
                subject.setdefault("apiGroup", _GROUP)

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        role = obj.get("roleRef") or {}
        local = obj["kind"] == "RoleBinding"
        found: list[CauseLike] = []
        if role.get("apiGroup") != _GROUP:
            found.append(not_supported("roleRef.apiGroup", f'"{role.get("apiGroup", "")}"', [_GROUP]))
        kinds = ("Role", "ClusterRole") if local else ("ClusterRole",)
        if role.get("kind") not in kinds:
            found.append(not_supported("roleRef.kind", f'"{role.get("kind", "")}"', kinds))
        if not role.get("name"):
            found.append(required("roleRef.name"))
        for index, subject in enumerate(obj.get("subjects") or ()):
            found += _subject_causes(subject, f"subjects[{index}]", local=local)
        if old is not None and old.get("roleRef") != obj.get("roleRef"):
            shown = _json({name: role.get(name, "") for name in ("apiGroup", "kind", "name")})
            found.append(invalid_value("roleRef", shown, "cannot change roleRef"))
        return found


def _subject_causes(subject: Mapping[str, Any], path: str, *, local: bool) -> Iterator[Cause]:
    kind = subject.get("kind", "")
    if not subject.get("name"):
        yield required(f"{path}.name")
    if kind not in _SUBJECTS:
        yield not_supported(f"{path}.kind", f'"{kind}"', _SUBJECTS)
    elif kind == "ServiceAccount":
        if not local and not subject.get("namespace"):
            yield required(f"{path}.namespace")
        if subject.get("apiGroup"):
            yield not_supported(f"{path}.apiGroup", f'"{subject["apiGroup"]}"', [""])
    elif subject.get("apiGroup") != _GROUP:
        yield not_supported(f"{path}.apiGroup", f'"{subject.get("apiGroup", "")}"', [_GROUP])


class PriorityClassKind(Kind):
    """A priority that never changes; the highest are the system's."""

    def default(self, obj: Object) -> None:
        obj.setdefault("preemptionPolicy", "PreemptLowerPriority")

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
        text = "may not be changed in an update."
        if old is not None:
            found: list[CauseLike] = []
            if old.get("value", 0) != value:
                found.append(forbidden_field("value", text))
            if old.get("preemptionPolicy") != obj.get("preemptionPolicy"):
                shown = f'"{obj.get("preemptionPolicy", "")}"'
                found.append(invalid_value("preemptionPolicy", shown, "field is immutable"))
            return found
        if name.startswith("system-"):
            text = "priority class names with 'system-' prefix are reserved for system use only. error: "
            return [forbidden_field("metadata.name", f"{text}{name} is not a known system priority class")]
        if value > 1_000_000_000:
            return [forbidden_field("value", "maximum allowed value of a user defined priority is 1000000000")]
        return []
