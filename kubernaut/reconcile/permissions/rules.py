"""Permissions as RBAC rules: few, sorted, each right in them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubernaut.reconcile.permission import VERBS, Permission
from kubernaut.resources.builtin.rbac_v1 import PolicyRule

_Names = tuple[str, ...]
# By group and names: resource -> verbs.
_Rights = dict[tuple[str, _Names], dict[str, dict[str, None]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """`cluster`: the rules of a ClusterRole; `namespaces`: those of a Role in each namespace, sorted by name."""

    cluster: list[PolicyRule]
    namespaces: Mapping[str, list[PolicyRule]]


def policy_rules(permissions: Iterable[Permission]) -> Rules:
    """The rules that grant these permissions and nothing else.

    What holds everywhere is not repeated for a namespace, nor what holds for all objects for some of them. The same
    permissions, in whatever order, give the same rules.
    """
    given = list(permissions)
    scopes: dict[str | None, _Rights] = {None: {}}
    for permission in given:
        verbs = [verb for verb in permission.verbs if not _is_implied(verb, permission, given)]
        if verbs:
            _add(scopes.setdefault(permission.namespace, {}), permission, verbs)
    spaces = sorted(namespace for namespace in scopes if namespace is not None)
    return Rules(_rules(scopes[None]), {namespace: _rules(scopes[namespace]) for namespace in spaces})


def _is_implied(verb: str, one: Permission, given: Iterable[Permission]) -> bool:
    return any(verb in other.verbs and _is_wider(other, one) for other in given)


def _is_wider(other: Permission, one: Permission) -> bool:
    if (other.group, other.path) != (one.group, one.path):
        return False
    everywhere = other.namespace is None and one.namespace is not None
    all_objects = not other.names and bool(one.names)
    reaches = other.namespace in (None, one.namespace) and (not other.names or other.names == one.names)
    return reaches and (everywhere or all_objects)


def _add(rights: _Rights, permission: Permission, verbs: Iterable[str]) -> None:
    names = tuple(sorted(permission.names))
    known = rights.setdefault((permission.group, names), {}).setdefault(permission.path, {})
    known.update(dict.fromkeys(verbs))


def _rules(rights: _Rights) -> list[PolicyRule]:
    rules = []
    for (group, names), resources in sorted(rights.items()):
        by_verbs: dict[tuple[str, ...], list[str]] = {}
        for resource, verbs in sorted(resources.items()):
            by_verbs.setdefault(tuple(sorted(verbs, key=_rank)), []).append(resource)
        for verbs_of, alike in by_verbs.items():
            rule = PolicyRule(api_groups=[group], resources=alike, verbs=list(verbs_of), resource_names=list(names))
            rules.append(rule)
    return rules


def _rank(verb: str) -> tuple[int, str]:
    return (VERBS.index(verb) if verb in VERBS else len(VERBS), verb)
