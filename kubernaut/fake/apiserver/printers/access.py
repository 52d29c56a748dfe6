"""What is shown of ConfigMaps, Secrets, accounts, roles, webhooks and admission policies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import NONE, UNSET, age, human_duration, spec_of, status_of

Object = Mapping[str, Any]


def config_map(obj: Object, now: datetime) -> list[Any]:
    return [len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), age(obj, now)]


def secret(obj: Object, now: datetime) -> list[Any]:
    return [obj.get("type", ""), len(obj.get("data") or {}), age(obj, now)]


def service_account(obj: Object, now: datetime) -> list[Any]:
    return [len(obj.get("secrets") or []), age(obj, now)]


def binding(obj: Object, now: datetime) -> list[Any]:
    """Of a RoleBinding or a ClusterRoleBinding."""
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or []
    named = {
        kind: [item.get("name", "") for item in subjects if item.get("kind") == kind] for kind in ("User", "Group")
    }
    accounts = [
        f"{item['namespace']}/{item.get('name', '')}" if item.get("namespace") else item.get("name", "")
        for item in subjects
        if item.get("kind") == "ServiceAccount"
    ]
    shown = [", ".join(names) for names in (*named.values(), accounts)]
    return [f"{role.get('kind', '')}/{role.get('name', '')}", age(obj, now), *shown]


def signing_request(obj: Object, now: datetime) -> list[Any]:
    spec, status = spec_of(obj), status_of(obj)
    types = [item.get("type") for item in status.get("conditions") or []]
    state = next((kind for kind in ("Denied", "Approved") if kind in types), "Pending")
    state += ",Failed" if "Failed" in types else ""
    state += ",Issued" if status.get("certificate") else ""
    seconds = spec.get("expirationSeconds")
    wanted = NONE if seconds is None else human_duration(seconds)
    return [age(obj, now), spec.get("signerName") or NONE, spec.get("username", ""), wanted, state]


def webhooks(obj: Object, now: datetime) -> list[Any]:
    return [len(obj.get("webhooks") or []), age(obj, now)]


def validating_policy(obj: Object, now: datetime) -> list[Any]:
    return [len(spec_of(obj).get("validations") or []), _parameters(obj), age(obj, now)]


def mutating_policy(obj: Object, now: datetime) -> list[Any]:
    return [len(spec_of(obj).get("mutations") or []), _parameters(obj), age(obj, now)]


def _parameters(obj: Object) -> str:
    given = spec_of(obj).get("paramKind")
    return f"{given.get('apiVersion', '')}/{given.get('kind', '')}" if given else UNSET


def policy_binding(obj: Object, now: datetime) -> list[Any]:
    given, shown = spec_of(obj).get("paramRef"), UNSET
    if given:
        shown = f"{given['namespace']}/{given.get('name', '*')}" if given.get("namespace") else given.get("name", "*")
    return [spec_of(obj).get("policyName", ""), shown, age(obj, now)]
