"""What a signal is about: the object that its labels name, or the one that made it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubernaut.client import Client, NotFound
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.gateway.config import GatewayConfig, TargetRule
from kubernaut.resources import AnyResource, ObjectMeta, OwnerReference

POD = AnyResource.of("v1", "Pod")
REPLICA_SET = AnyResource.of("apps/v1", "ReplicaSet")
DEPTH = 4
"""Owners that are followed at most."""
_MADE_BY = {
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
}
"""Owners that a pod stands for; others, such as nodes and kinds of other people, do not take its place."""

# What names objects, and so becomes part of paths.
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:]{0,251}[A-Za-z0-9])?")
_POD_OF_SET = re.compile(r"(.+)-[a-z0-9]{5}")


@dataclass(frozen=True, slots=True)
class Named:
    """What the labels name, as they stand. `climbs`: what made it is meant."""

    target: ExecutionTarget
    climbs: bool


def named(labels: Mapping[str, str], rules: Sequence[TargetRule], config: GatewayConfig) -> Named | str:
    """The object of the first rule whose label is there; otherwise a sentence that says why there is none."""
    namespace = next((labels[label] for label in config.namespace_labels if labels.get(label)), None)
    without: list[str] = []
    for rule in rules:
        name = labels.get(rule.label)
        if not name:
            continue
        if not NAME.fullmatch(name):
            return f"the label {rule.label} names no {rule.kind}: {name[:64]!r} cannot be a name"
        if rule.in_namespace and namespace is None:
            without.append(rule.kind)
            continue
        where = namespace if rule.in_namespace else None
        if where is not None and not NAMESPACE.fullmatch(where):
            return f"the labels name no namespace: {where[:64]!r} cannot be the name of one"
        target = ExecutionTarget(api_version=rule.version, kind=rule.kind, namespace=where, name=name)
        return Named(target, rule.climbs)
    if without:
        return f"the labels name a {without[0]}, and no namespace ({', '.join(config.namespace_labels)})"
    return f"no label names an object: there is none of {', '.join(rule.label for rule in rules)}"


async def climbed(client: Client, target: ExecutionTarget) -> ExecutionTarget | None:
    """What made a pod or a ReplicaSet, in the end; itself where nothing known did, None where it is not there.

    A pod that is gone already was, if its name says so, one of a ReplicaSet, which may still be there. Without a
    namespace there is neither. Raises ClientError.
    """
    if target.namespace is None:
        return None
    found = await _meta(client, target)
    if found is None and target.kind == "Pod" and (of_set := _POD_OF_SET.fullmatch(target.name)):
        target = _beside(target, "apps/v1", "ReplicaSet", of_set[1])
        found = await _meta(client, target)
    if found is None:
        return None
    for _ in range(DEPTH):
        owner = _controller(found)
        if owner is None or (owner.api_version, owner.kind) not in _MADE_BY or not NAME.fullmatch(owner.name):
            return target
        above = _beside(target, owner.api_version, owner.kind, owner.name)
        if owner.kind != "ReplicaSet":
            return above
        found = await _meta(client, above)
        # Whoever writes a pod writes its references: a set that is not there with that uid made nothing.
        if found is None or found.uid != owner.uid:
            return target
        target = above
    return target


async def _meta(client: Client, target: ExecutionTarget) -> ObjectMeta | None:
    kind = POD if target.kind == "Pod" else REPLICA_SET
    try:
        return (await client.get(kind, target.name, namespace=target.namespace)).metadata
    except NotFound:
        return None


def _controller(meta: ObjectMeta) -> OwnerReference | None:
    return next((each for each in meta.owner_references or () if each.controller), None)


def _beside(target: ExecutionTarget, api_version: str, kind: str, name: str) -> ExecutionTarget:
    return ExecutionTarget(api_version=api_version, kind=kind, namespace=target.namespace, name=name)
