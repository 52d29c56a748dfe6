"""Roles and bindings in one line."""

from __future__ import annotations

from typing import Any

from tests.fake.admission.asking import Asker, Object

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"


def rule(verbs: str, resources: str, group: str = "", **more: Any) -> Object:
    return {"apiGroups": group.split(","), "resources": resources.split(","), "verbs": verbs.split(","), **more}


def user(name: str) -> Object:
    return {"kind": "User", "name": name}


def account(name: str, namespace: str = "default") -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def cluster_role(name: str, *rules: Object, **more: Any) -> Object:
    return {"metadata": {"name": name}, "rules": list(rules), **more}


def binding(name: str, role: str, *subjects: Object, kind: str = "ClusterRole") -> Object:
    reference = {"apiGroup": GROUP, "kind": kind, "name": role}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": list(subjects)}


async def grant(ask: Asker, subject: Object, *rules: Object, name: str = "granted") -> None:
    """Gives a subject rules in the whole cluster."""
    await ask.post(f"{RBAC}/clusterroles", cluster_role(name, *rules))
    await ask.post(f"{RBAC}/clusterrolebindings", binding(name, name, subject))
