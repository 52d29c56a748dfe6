"""Authorization: Roles and bindings evaluated as the RBAC authorizer does, from indexes that follow the writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.selectors import from_label_selector, matches_labels
from kubernaut.fake.apiserver.storage import Storage, storage_key

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
Rule = Mapping[str, Any]


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
    """`reason` is what a SubjectAccessReview says: why it is allowed, or which roles of bindings are missing."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A ClusterRoleBinding, or a RoleBinding where there is a namespace; `subjects` are (user or group key, text)."""

    kind: str
    name: str
    namespace: str
    role_kind: str
    role_name: str
    subjects: tuple[tuple[str, str], ...]

    def reason(self, subject: str) -> str:
        name = f"{self.name}/{self.namespace}" if self.namespace else self.name
        return f'RBAC: allowed by {self.kind} "{name}" of {self.role_kind} "{self.role_name}" to {subject}'


@dataclass(frozen=True, slots=True)
class _Role:
    rules: tuple[Rule, ...]
    labels: Mapping[str, str]
    selectors: tuple[Mapping[str, Any], ...]  # of its aggregationRule


def _read_binding(obj: Mapping[str, Any]) -> Binding:
    meta, role = obj["metadata"], obj.get("roleRef") or {}
    namespace = meta.get("namespace", "")
    subjects: list[tuple[str, str]] = []
    for subject in obj.get("subjects") or []:
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "ServiceAccount":
            home = subject.get("namespace") or namespace
            subjects.append((f"User {_account(home, name)}", f'ServiceAccount "{name}/{home}"'))
        else:
            subjects.append((f"{kind} {name}", f'{kind} "{name}"'))
    return Binding(obj["kind"], meta["name"], namespace, role.get("kind", ""), role.get("name", ""), tuple(subjects))


def _account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def _read_role(obj: Mapping[str, Any]) -> _Role:
    selectors = (obj.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    return _Role(tuple(obj.get("rules") or ()), obj["metadata"].get("labels") or {}, tuple(selectors))


class _Bindings:
    """The bindings of one kind by namespace and subject."""

    def __init__(self, storage: Storage, plural: str) -> None:
        self._by_subject: dict[tuple[str, str], dict[str, tuple[Binding, str]]] = {}
        self._all = Followed(storage, f"{GROUP}/{plural}", _read_binding, self._changed)

    def _changed(self, before: Binding | None, after: Binding | None) -> None:
        for subject, _ in before.subjects if before else ():
            assert before is not None
            self._by_subject.get((before.namespace, subject), {}).pop(before.name, None)
        for subject, text in after.subjects if after else ():
            assert after is not None
            self._by_subject.setdefault((after.namespace, subject), {})[after.name] = (after, text)

    def of(self, user: User, namespace: str) -> Iterator[tuple[Binding, str]]:
        self._all.by_key()
        yield from self._by_subject.get((namespace, f"User {user.name}"), {}).values()
        for group in user.groups:
            yield from self._by_subject.get((namespace, f"Group {group}"), {}).values()


class Access:
    """Who may do what. `enforced` says whether requests are checked; reviews are answered in any case."""

    def __init__(self, storage: Storage, *, enforced: bool) -> None:
        self.enforced = enforced
        self._cluster = _Bindings(storage, "clusterrolebindings")
        self._local = _Bindings(storage, "rolebindings")
        self._gathered: dict[str, tuple[Rule, ...]] = {}
        self._cluster_roles = Followed(storage, f"{GROUP}/clusterroles", _read_role, self._forget)
        self._roles = Followed(storage, f"{GROUP}/roles", _read_role)

    def authorize(self, user: User, wanted: Attributes) -> Decision:
        """Looks for one rule of one binding that allows it."""
        if MASTERS in user.groups:
            return Decision(True)
        missing: list[str] = []
        for binding, subject in self._bindings(user, wanted.namespace):
            rules = self.rules_of(binding.role_kind, binding.role_name, binding.namespace)
            if rules is None:
                missing.append(f'{binding.role_kind.lower()}.{GROUP} "{binding.role_name}" not found')
            elif any(rule_allows(rule, wanted) for rule in rules):
                return Decision(True, binding.reason(subject))
        if not missing:
            return Decision(False)
        found = list(dict.fromkeys(missing))
        return Decision(False, f"RBAC: {found[0] if len(found) == 1 else '[' + ', '.join(found) + ']'}")

    def rules(self, user: User, namespace: str) -> list[Rule]:
        """All rules that a user has in a namespace; those of the whole cluster first."""
        found: list[Rule] = []
        for binding, _ in self._bindings(user, namespace):
            found += self.rules_of(binding.role_kind, binding.role_name, binding.namespace) or ()
        return found

    def rules_of(self, kind: str, name: str, namespace: str) -> tuple[Rule, ...] | None:
        """The rules of a role; None if it is absent. ClusterRoles gather those of others by their aggregationRule."""
        if kind == "Role":
            role = self._roles.get(storage_key(namespace, name))
            return None if role is None else role.rules
        roles = self._cluster_roles.by_key()
        if name not in roles:
            return None
        if name not in self._gathered:
            self._gathered[name] = _gather(name, roles)
        return self._gathered[name]

    def _bindings(self, user: User, namespace: str) -> Iterator[tuple[Binding, str]]:
        yield from self._cluster.of(user, "")
        if namespace:
            yield from self._local.of(user, namespace)

    def _forget(self, before: _Role | None, after: _Role | None) -> None:
        self._gathered.clear()


def _gather(name: str, roles: Mapping[str, _Role]) -> tuple[Rule, ...]:
    """Own rules and those of the selected roles, which may gather in turn (view within edit within admin)."""
    found: list[Rule] = []
    seen: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen[current] = None
        found += [rule for rule in roles[current].rules if rule not in found]
        for selector in roles[current].selectors:
            terms = from_label_selector(selector)
            waiting += [other for other, role in roles.items() if matches_labels(terms, role.labels)]
    return tuple(found)


def attributes_of(info: RequestInfo) -> Attributes:
    if not info.is_resource:
        return Attributes(info.verb, path=info.path)
    return Attributes(info.verb, info.group, info.resource, info.subresource, info.namespace, info.name)


def rule_allows(rule: Rule, wanted: Attributes) -> bool:
    verbs = rule.get("verbs") or []
    if "*" not in verbs and wanted.verb not in verbs:
        return False
    if wanted.path:
        return any(path_matches(pattern, wanted.path) for pattern in rule.get("nonResourceURLs") or [])
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


def path_matches(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def refusal(user: User, wanted: Attributes, reason: str = "") -> str:
    """The sentence of a 403 behind `… is forbidden: `."""
    if wanted.path:
        text = f'User "{user.name}" cannot {wanted.verb} path "{wanted.path}"'
    else:
        where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
        who, what = user.name, wanted.full_resource
        text = f'User "{who}" cannot {wanted.verb} resource "{what}" in API group "{wanted.group}" {where}'
    return f"{text}: {reason}" if reason else text
