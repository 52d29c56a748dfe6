"""The rule that nobody grants what they do not have: checks on writes of roles and bindings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.rbac import GROUP, MASTERS, Access, Attributes, Rule, path_matches
from kubernaut.fake.apiserver.status import StatusError, forbidden, not_found

Object = Mapping[str, Any]
_ROLES = {"roles": "Role", "clusterroles": "ClusterRole"}
_BINDINGS = ("rolebindings", "clusterrolebindings")
_EVERYTHING = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]})


def check_escalation(access: Access, user: User, plural: str, obj: Object, old: Object | None) -> None:
    """Raises StatusError 403 for more than the user has, 404 for a role that a user cannot be compared with.

    As in registry/rbac's policybased storage: system:masters and the verbs `escalate` and `bind` free from it.
    """
    if MASTERS in user.groups or plural not in (*_ROLES, *_BINDINGS):
        return
    if old is not None and _meaning(obj) == _meaning(old):
        return
    name, namespace = obj["metadata"].get("name", ""), obj["metadata"].get("namespace", "")
    if plural in _ROLES:
        _check_role(access, user, plural, obj, old)
        return
    role = obj.get("roleRef") or {}
    kind, role_name = role.get("kind", ""), role.get("name", "")
    roles = "roles" if kind == "Role" else "clusterroles"
    if access.authorize(user, Attributes("bind", GROUP, roles, "", namespace, role_name)).allowed:
        return
    rules = access.rules_of(kind, role_name, namespace)
    if rules is None:
        raise not_found(GROUP, roles, role_name)
    _confirm(access, user, rules, namespace, plural, name)


def _check_role(access: Access, user: User, plural: str, obj: Object, old: Object | None) -> None:
    name, namespace = obj["metadata"].get("name", ""), obj["metadata"].get("namespace", "")
    if access.authorize(user, Attributes("escalate", GROUP, plural, "", namespace, name)).allowed:
        return
    if (obj.get("aggregationRule") or (old or {}).get("aggregationRule")) and list(
        _uncovered(access.rules(user, ""), _EVERYTHING)
    ):
        raise forbidden(GROUP, plural, name, "must have cluster-admin privileges to use the aggregationRule")
    _confirm(access, user, obj.get("rules") or (), namespace, plural, name)


def _meaning(obj: Object) -> Object:
    dropped = ("resourceVersion", "managedFields", "ownerReferences", "finalizers")
    kept = {key: value for key, value in obj["metadata"].items() if key not in dropped}
    return {**obj, "metadata": kept}


def _confirm(access: Access, user: User, rules: Iterable[Rule], namespace: str, plural: str, name: str) -> None:
    missing = list(_uncovered(access.rules(user, namespace), rules))
    if not missing:
        return
    groups = f"[{' '.join(json.dumps(group) for group in user.groups)}]"
    text = f'user "{user.name}" (groups={groups}) is attempting to grant RBAC permissions not currently held:\n'
    raise _forbidden(plural, name, text + "\n".join(_compact(missing)))


def _forbidden(plural: str, name: str, text: str) -> StatusError:
    return forbidden(GROUP, plural, name, text)


def _broken_down(rule: Rule) -> Iterator[dict[str, str]]:
    """One verb on one thing at a time."""
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            yield {"verb": verb, "path": path}
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule.get("verbs") or ():
                for name in rule.get("resourceNames") or ("",):
                    yield {"verb": verb, "group": group, "resource": resource, "name": name}


def _uncovered(owned: Iterable[Rule], wanted: Iterable[Rule]) -> Iterator[dict[str, str]]:
    rules = list(owned)
    for rule in wanted:
        yield from (item for item in _broken_down(rule) if not any(_covers(own, item) for own in rules))


def _covers(rule: Rule, item: Mapping[str, str]) -> bool:
    verbs = rule.get("verbs") or ()
    if "*" not in verbs and item["verb"] not in verbs:
        return False
    if "path" in item:
        return any(path_matches(pattern, item["path"]) for pattern in rule.get("nonResourceURLs") or ())
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    if "*" not in groups and item["group"] not in groups:
        return False
    _, _, below = item["resource"].partition("/")
    if not {"*", item["resource"], *([f"*/{below}"] if below else [])} & set(resources):
        return False
    names = rule.get("resourceNames") or ()
    return not names or item["name"] in names


def _compact(items: Iterable[Mapping[str, str]]) -> list[str]:
    """Verbs on the same thing in one line, in the order of the lines."""
    gathered: dict[str, list[str]] = {}
    for item in items:
        if "path" in item:
            what = f"NonResourceURLs:[{json.dumps(item['path'])}]"
        else:
            what = f"APIGroups:[{json.dumps(item['group'])}], Resources:[{json.dumps(item['resource'])}]"
            if item["name"]:
                what += f", ResourceNames:[{json.dumps(item['name'])}]"
        verbs = gathered.setdefault(what, [])
        if item["verb"] not in verbs:
            verbs.append(item["verb"])
    return sorted(
        f"{{{what}, Verbs:[{' '.join(json.dumps(verb) for verb in verbs)}]}}" for what, verbs in gathered.items()
    )
