"""Authorization: Roles and bindings evaluated as the RBAC authorizer does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.storage import Storage

_GROUP = "rbac.authorization.k8s.io"
_Rule = Mapping[str, Any]
# what every server grants to all who are authenticated
_DISCOVERY_PATHS = (
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
)
_SELF = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for: a verb on a resource, or on a path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is what a SubjectAccessReview says about an allowed request."""

    allowed: bool
    reason: str = ""


def attributes_of(info: RequestInfo) -> Attributes:
    if not info.is_resource:
        return Attributes(info.verb, path=info.path)
    return Attributes(info.verb, info.group, info.resource, info.subresource, info.namespace, info.name)


def authorize(storage: Storage, user: User, wanted: Attributes) -> Decision:
    """Looks for one rule of one binding that allows it."""
    if "system:masters" in user.groups:
        return Decision(True)
    builtin = _builtin(user, wanted)
    if builtin is not None:
        return builtin
    for stored in storage.iterate(f"{_GROUP}/clusterrolebindings"):
        binding = stored.decode()
        subject = _subject(binding, user, "")
        if subject and _granted(storage, binding, "", wanted):
            return Decision(True, _reason("ClusterRoleBinding", stored.name, binding, subject))
    if wanted.namespace:
        for stored in storage.iterate(f"{_GROUP}/rolebindings", wanted.namespace):
            binding = stored.decode()
            subject = _subject(binding, user, wanted.namespace)
            if subject and _granted(storage, binding, wanted.namespace, wanted):
                return Decision(True, _reason("RoleBinding", f"{stored.name}/{wanted.namespace}", binding, subject))
    return Decision(False)


def _builtin(user: User, wanted: Attributes) -> Decision | None:
    if "system:authenticated" not in user.groups:
        return None
    if (
        wanted.path
        and wanted.verb == "get"
        and any(_path_matches(pattern, wanted.path) for pattern in _DISCOVERY_PATHS)
    ):
        role = "system:discovery"
    elif wanted.group == "authorization.k8s.io" and wanted.resource in _SELF and wanted.verb == "create":
        role = "system:basic-user"
    else:
        return None
    return Decision(
        True, f'RBAC: allowed by ClusterRoleBinding "{role}" of ClusterRole "{role}" to Group "system:authenticated"'
    )


def _reason(kind: str, name: str, binding: Mapping[str, Any], subject: str) -> str:
    role = binding["roleRef"]
    return f'RBAC: allowed by {kind} "{name}" of {role["kind"]} "{role["name"]}" to {subject}'


def _subject(binding: Mapping[str, Any], user: User, namespace: str) -> str:
    """The subject of the binding that is this user, as messages show it; empty if none is."""
    for subject in binding.get("subjects") or []:
        kind, name = subject.get("kind"), subject.get("name")
        if (kind == "User" and name == user.name) or (kind == "Group" and name in user.groups):
            return f'{kind} "{name}"'
        home = subject.get("namespace") or namespace
        if kind == "ServiceAccount" and user.name == f"system:serviceaccount:{home}:{name}":
            return f'ServiceAccount "{name}/{home}"'
    return ""


def _granted(storage: Storage, binding: Mapping[str, Any], namespace: str, wanted: Attributes) -> bool:
    return any(rule_allows(rule, wanted) for rule in rules_of(storage, binding["roleRef"], namespace))


def rules_of(storage: Storage, reference: Mapping[str, Any], namespace: str) -> Iterator[_Rule]:
    """The rules of the referenced role; an absent role has none. ClusterRoles gather by aggregationRule."""
    kind, name = reference.get("kind"), reference.get("name", "")
    if kind == "Role":
        stored = storage.get(f"{_GROUP}/roles", namespace, name)
    else:
        stored = storage.get(f"{_GROUP}/clusterroles", "", name)
    if stored is None:
        if kind == "ClusterRole" and name == "cluster-admin":
            yield {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
            yield {"nonResourceURLs": ["*"], "verbs": ["*"]}
        return
    role = stored.decode()
    yield from role.get("rules") or []
    for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or []:
        wanted = selector.get("matchLabels") or {}
        for other in storage.iterate(f"{_GROUP}/clusterroles"):
            if wanted.items() <= dict(other.labels).items():
                yield from other.decode().get("rules") or []


def rule_allows(rule: _Rule, wanted: Attributes) -> bool:
    verbs = rule.get("verbs") or []
    if "*" not in verbs and wanted.verb not in verbs:
        return False
    if wanted.path:
        return any(_path_matches(pattern, wanted.path) for pattern in rule.get("nonResourceURLs") or [])
    groups, names = rule.get("apiGroups") or [], rule.get("resourceNames") or []
    if "*" not in groups and wanted.group not in groups:
        return False
    if names and wanted.name not in names:
        return False
    return any(_resource_matches(pattern, wanted) for pattern in rule.get("resources") or [])


def _resource_matches(pattern: str, wanted: Attributes) -> bool:
    if pattern in ("*", wanted.full_resource):
        return True
    return bool(wanted.subresource) and pattern == f"*/{wanted.subresource}"


def _path_matches(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def refusal(user: User, wanted: Attributes) -> str:
    """The sentence of a 403 behind `… is forbidden: `."""
    if wanted.path:
        return f'User "{user.name}" cannot {wanted.verb} path "{wanted.path}"'
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    who, what = user.name, wanted.full_resource
    return f'User "{who}" cannot {wanted.verb} resource "{what}" in API group "{wanted.group}" {where}'
