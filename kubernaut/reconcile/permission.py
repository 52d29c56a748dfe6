"""One right at the API server, as a controller declares it and as RBAC grants it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

from kubernaut.resources import Resource, ResourceType

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
"""The verbs of objects, in the order in which rules name them."""
UNNAMED_VERBS = ("create", "deletecollection")
"""At these RBAC knows no name, unless the request is for a subresource."""

_VERB = re.compile(r"[a-z]+")
_RESOURCE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True, repr=False)
class Permission:
    """What a reconciler calls at the API server beyond what follows from its `Controller`.

        Permission(["get", "list"], Pod)
        Permission(["get"], Pod, subresource="log", namespace="shop")
        Permission(["get"], "secrets", names=["api-key"])

    `resource`: the class of a kind, or its resource as text (`"pods"`, `"deployments.apps"`). `namespace`: where it
    holds; None for everywhere, and for kinds without namespaces. `names`: the objects it holds for, all when empty.
    `why` tells people what it is for. Raises TypeError and ValueError for what RBAC could not grant.
    """

    verbs: Sequence[str]
    resource: type[Resource] | ResourceType | str
    _: KW_ONLY
    namespace: str | None = None
    names: Sequence[str] = ()
    subresource: str | None = None
    why: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verbs", _texts("verbs", self.verbs))
        object.__setattr__(self, "names", _texts("names", self.names))
        if not self.verbs:
            raise ValueError("Permission.verbs is empty: name what may be done, such as 'get'")
        for verb in self.verbs:
            if not _VERB.fullmatch(verb):
                raise ValueError(f"Permission.verbs holds {verb!r}: it must be a verb such as {', '.join(VERBS)}")
        kind = self._kind()
        if kind is None and not _RESOURCE.fullmatch(str(self.resource)):
            hint = "it must be the class of a kind, or a resource such as 'pods' or 'deployments.apps'"
            raise ValueError(f"Permission.resource is {self.resource!r}: {hint}")
        if kind is not None and not kind.namespaced and self.namespace is not None:
            raise ValueError(f"Permission.namespace is {self.namespace!r}, but {kind.kind} has no namespaces")
        for verb in self.verbs:
            if self.names and not self.subresource and verb in UNNAMED_VERBS:
                raise ValueError(f"Permission.names: {verb!r} cannot be limited to names; declare it without them")

    def _kind(self) -> ResourceType | None:
        if isinstance(self.resource, str):
            return None
        if isinstance(self.resource, ResourceType):
            return self.resource
        if not (isinstance(self.resource, type) and issubclass(self.resource, Resource)):
            raise TypeError(f"Permission.resource is {self.resource!r}: it must be the class of a kind, or a text")
        return self.resource.resource_type

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        kind = self._kind()
        return kind.group if kind is not None else str(self.resource).partition(".")[2]

    @property
    def plural(self) -> str:
        """The resource without group and subresource."""
        kind = self._kind()
        return kind.plural if kind is not None else str(self.resource).partition(".")[0]

    @property
    def path(self) -> str:
        """The resource as a rule names it: `pods`, `pods/log`."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    def allows(self, verb: str, group: str, path: str, namespace: str, name: str) -> bool:
        """Whether it grants one request; `namespace` "" is all of them, `name` "" a request that names no object."""
        return (
            verb in self.verbs
            and (group, path) == (self.group, self.path)
            and self.namespace in (None, namespace)
            and (not self.names or name in self.names)
        )

    def __repr__(self) -> str:
        """The text to paste into a program."""
        kind = self.resource
        shown = kind.__name__ if isinstance(kind, type) else json.dumps(kind if isinstance(kind, str) else _text(kind))
        parts = [json.dumps(list(self.verbs)), shown]
        parts += [f"{key}={json.dumps(value)}" for key, value in (("namespace", self.namespace),) if value]
        parts += [f"names={json.dumps(list(self.names))}"] if self.names else []
        parts += [f"subresource={json.dumps(self.subresource)}"] if self.subresource else []
        return f"Permission({', '.join(parts)})"


def _text(kind: ResourceType) -> str:
    return kind.group_resource


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
        raise TypeError(f"Permission.{name} is {values!r}: it must be a list of texts")
    return tuple(values)
