"""Finds the kind a word on the command line means: plural, singular, short name or kind, with or without group."""

from __future__ import annotations

from functools import cache
from typing import Any

from kubernaut.client import ApiError
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin import apps_v1, batch_v1, core_v1

_COMMON = (
    core_v1.Pod,
    core_v1.Node,
    core_v1.Namespace,
    core_v1.ConfigMap,
    core_v1.Secret,
    core_v1.Service,
    core_v1.ServiceAccount,
    apps_v1.Deployment,
    apps_v1.ReplicaSet,
    apps_v1.StatefulSet,
    apps_v1.DaemonSet,
    batch_v1.Job,
    batch_v1.CronJob,
)


async def resolve(session: Session, word: str) -> ResourceType:
    """Find a kind among the common built-in ones, else by discovery.

    Raises KubectlError for a word the server does not know.
    """
    wanted = word.lower()
    found = _common().get(wanted)
    if found is None:
        found = await _discover(session, wanted)
    if found is None:
        raise KubectlError(f'error: the server doesn\'t have a resource type "{word}"')
    return found


@cache
def _common() -> dict[str, ResourceType]:
    names: dict[str, ResourceType] = {}
    for model in _COMMON:
        for name in _names(model.resource_type):
            names.setdefault(name, model.resource_type)
    return names


def _names(kind: ResourceType) -> list[str]:
    plain = [kind.plural, kind.singular or kind.kind.lower(), kind.kind.lower(), *kind.short_names]
    if not kind.group:
        return plain
    return [
        *plain,
        *(f"{name}{suffix}" for name in plain for suffix in (f".{kind.group}", f".{kind.version}.{kind.group}")),
    ]


async def _discover(session: Session, wanted: str) -> ResourceType | None:
    for prefix, group, version in await _group_versions(session):
        try:
            resources = (await session.get(prefix)).get("resources") or []
        except ApiError:
            continue
        for entry in resources:
            kind = _from_discovery(entry, group, version)
            if kind is not None and wanted in _names(kind):
                return kind
    return None


async def _group_versions(session: Session) -> list[tuple[str, str, str]]:
    found = [("/api/v1", "", "v1")]
    for group in (await session.get("/apis")).get("groups") or []:
        name = group["name"]
        preferred = group.get("preferredVersion") or group["versions"][0]
        found.append((f"/apis/{preferred['groupVersion']}", name, preferred["version"]))
    return found


def _from_discovery(entry: dict[str, Any], group: str, version: str) -> ResourceType | None:
    if "/" in entry["name"]:
        return None
    return ResourceType(
        group=group,
        version=version,
        kind=entry["kind"],
        plural=entry["name"],
        singular=entry.get("singularName") or entry["kind"].lower(),
        namespaced=bool(entry.get("namespaced")),
        short_names=tuple(entry.get("shortNames") or ()),
    )
