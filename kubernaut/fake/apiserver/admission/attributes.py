"""What admission plugins are told of a request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.registry import ResourceInfo

Object = dict[str, Any]
Kind = tuple[str, str, str]  # group, version, kind


@dataclass(frozen=True, slots=True)
class Attributes:
    """One admission: `obj` is None for deletions, `old` for creations; both at the version of the request."""

    call: Call
    operation: str  # CREATE | UPDATE | DELETE
    obj: Object | None
    old: Object | None
    kind: Kind
    options: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    name: str = ""

    @property
    def resource(self) -> ResourceInfo:
        return self.call.resource

    @property
    def subresource(self) -> str:
        return self.call.info.subresource

    @property
    def namespace(self) -> str:
        return self.call.namespace

    @property
    def store(self) -> str:
        """Where the objects are, with the subresource behind it: `pods`, `pods/eviction`, `apps/deployments`."""
        return f"{self.resource.store}/{self.subresource}" if self.subresource else self.resource.store

    def having(self, obj: Object) -> Attributes:
        return replace(self, obj=obj)


def kind_of_call(call: Call) -> Kind:
    below = call.resource.subresources.get(call.info.subresource)
    if below is not None:
        return below.group, below.version, below.kind
    return call.resource.group, call.resource.version, call.resource.kind


def review_uid(call: Call, number: int) -> str:
    """The uid of a request's review; the same in all attempts."""
    return str(uuid.UUID(int=Random(f"{call.memory.seed}/{number}").getrandbits(128), version=4))
