"""Reads from a cluster what a tree is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.cli.calling import Refused
from kubernaut.cli.tree.kinds import CHILDREN, NAMES, ROOTS, plain
from kubernaut.client import Client, Forbidden, NotFound
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources import Resource
from kubernaut.resources.builtin.batch_v1 import Job

SUGGESTED = 10


class NoSuchKind(ValueError):
    """The root's kind is not one that has a tree."""


@dataclass(frozen=True, slots=True)
class Root:
    """What a tree begins with."""

    kind: type[Resource]
    name: str

    @classmethod
    def parse(cls, text: str) -> Root:
        """Of `NAME`, a RemediationRequest, or `KIND/NAME`. Raises NoSuchKind, and ValueError where there is no name."""
        word, slash, name = text.strip().rpartition("/")
        if not name:
            raise ValueError("NAME: is empty")
        if not slash:
            return cls(RemediationRequest, name)
        kind = NAMES.get(word.lower().partition(".")[0])
        if kind is None:
            known = ", ".join(each.resource_type.kind.lower() for each in ROOTS)
            raise NoSuchKind(f"NAME: there is no tree of a {word!r}; there is one of {known}")
        return cls(kind, name)


@dataclass(frozen=True, slots=True)
class Read:
    """The root, what may belong to it, and what could not be read."""

    root: dict[str, Any]
    others: list[dict[str, Any]]
    notes: list[str]


async def read(client: Client, root: Root, namespace: str, executor_namespace: str) -> Read:
    """All that may belong to the root. Raises Refused where it is not there, and ApiError.

    What may not be read, or is not installed, is left out, and told.
    """
    found = await _root(client, root, namespace)
    others: list[dict[str, Any]] = []
    notes: list[str] = []
    for kind in CHILDREN:
        others += await _listed(client, kind, namespace, notes)
    others += await _listed(client, Job, executor_namespace, notes, LABEL_EXECUTION_ID)
    return Read(found, others, notes)


async def _root(client: Client, root: Root, namespace: str) -> dict[str, Any]:
    kind = root.kind.resource_type.kind
    try:
        return (await client.get(plain(root.kind), root.name, namespace=namespace)).to_dict()
    except NotFound as error:
        if error.details.get("name") != root.name:  # no object is named where the kind is not served
            raise Refused(f"this cluster has no {kind}: install it with `kubernaut manifests`") from None
    there = sorted(each.name for each in await client.list(plain(root.kind), namespace=namespace))
    others = [other for other in ROOTS if other is not root.kind and await _exists(client, other, root.name, namespace)]
    told = f"namespace {namespace} has no {kind} {root.name!r}"
    if elsewhere := await _elsewhere(client, root):
        raise Refused(f"{told}; {elsewhere}")
    if others:
        raise Refused(f"{told}; there is {others[0].resource_type.kind.lower()}/{root.name}")
    left = f" and {len(there) - SUGGESTED} more" if len(there) > SUGGESTED else ""
    known = f"there: {', '.join(there[:SUGGESTED])}{left}" if there else "there is none of that kind"
    raise Refused(f"{told}; {known}")


async def _elsewhere(client: Client, root: Root) -> str:
    """The namespaces that have what was asked for; "" where there are none, or not all may be looked at."""
    try:
        found = await client.list(plain(root.kind))
    except (Forbidden, NotFound):
        return ""
    there = sorted(str(each.namespace) for each in found if each.name == root.name)
    left = f" and {len(there) - SUGGESTED} more" if len(there) > SUGGESTED else ""
    have = "has one" if len(there) == 1 else "have one each"
    return f"namespace{'s' if len(there) > 1 else ''} {', '.join(there[:SUGGESTED])}{left} {have}" if there else ""


async def _exists(client: Client, kind: type[Resource], name: str, namespace: str) -> bool:
    try:
        await client.get(plain(kind), name, namespace=namespace)
    except (NotFound, Forbidden):
        return False
    return True


async def _listed(
    client: Client, kind: type[Resource], namespace: str, notes: list[str], label: str | None = None
) -> list[dict[str, Any]]:
    resource = kind.resource_type
    try:
        found = await client.list(plain(kind), namespace=namespace, labels=label)
    except Forbidden:
        notes.append(f"you may not list {resource.plural} in namespace {namespace}: they are missing here")
        return []
    except NotFound:
        notes.append(f"this cluster has no {resource.kind}")
        return []
    return [each.to_dict() for each in found]
