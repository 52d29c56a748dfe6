"""Leases that reach the server after they were let go: a leader that was deposed unawares sends its last write late.

The controllers watch the Leases, and look once more at whoever is named by one but has let go of it, or is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubernaut.actions.jobs import MANAGED_BY
from kubernaut.client import NotFound, ObjectHead
from kubernaut.reconcile import Cache, Change, ChangeType, Request, Watch
from kubernaut.remediation.execution.lock.holders import Holder, holders_of
from kubernaut.resources import Resource
from kubernaut.resources.builtin.coordination_v1 import Lease


class _Condition(msgspec.Struct):
    type: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] = []


class _Metadata(msgspec.Struct):
    uid: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata
    status: _Status | None = None


_decoder = msgspec.json.Decoder(_Object)


def watch_leases(kind: type[Resource], namespace: str, *, released: str) -> Watch:
    """Leads from a Lease to the objects of `kind` under it that need it no more.

    They are gone, or have the condition `released`, whatever it says.
    """

    def to(lease: ObjectHead, cache: Cache) -> Iterator[Request]:
        for holder in holders_of(lease):
            if holder.kind == kind.resource_type.kind and _is_over(cache, kind, holder, released):
                yield Request(holder.namespace, holder.name)

    return Watch(Lease, to, predicates=[_exists], labels=MANAGED_BY, namespace=namespace, metadata_only=True)


def held_under(cache: Cache, namespace: str, kind: type[Resource], name: Request) -> set[str]:
    """The uids of the objects of that kind and name that the Leases in the cache name."""
    place = (kind.resource_type.kind, name.namespace, name.name)
    heads = cache.heads(Lease, namespace=namespace)
    holders = (holder for head in heads for holder in holders_of(head))
    return {each.uid for each in holders if (each.kind, each.namespace, each.name) == place}


def _exists(change: Change) -> bool:
    return change.type is not ChangeType.DELETED


def _is_over(cache: Cache, kind: type[Resource], holder: Holder, released: str) -> bool:
    """Who has not let go yet will do so, and looks for every Lease then."""
    try:
        found = _decoder.decode(cache.raw(kind, holder.name, holder.namespace))
    except (NotFound, msgspec.ValidationError):
        return True
    if found.metadata.uid != holder.uid:
        return True
    conditions = found.status.conditions if found.status is not None else ()
    # False says that Jobs stay on a server that keeps no time to live: the Leases were let go of all the same.
    return any(each.type == released for each in conditions)
