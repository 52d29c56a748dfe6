"""What reconcilers read: the stores of the manager's informers, behind typed reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from random import Random
from typing import TypeVar

from kubernaut.client import Client, NotFound, ObjectHead, Written
from kubernaut.reconcile.informer import Informer, Scope, ServerFeatures
from kubernaut.reconcile.intake import CacheOptions, KindOptions
from kubernaut.reconcile.result import Request, RequeueError
from kubernaut.reconcile.selectors import LabelsArg, LabelSelector
from kubernaut.reconcile.store import Decoded, IndexFunction, Stored
from kubernaut.resources import Resource, ResourceType

__all__ = ["Cache", "CacheOptions", "KindOptions", "NotCached", "NotComplete"]

R = TypeVar("R", bound=Resource)


class NotCached(LookupError):
    """Raised for a kind or namespace that no informer of the manager watches, or watches in full."""


class NotComplete(RequeueError):
    """Raised by reads of a kind whose first list is not complete: what is not there may only not have come yet.

    A reconcile that lets it through is retried. A kind that the server does not serve has no objects, and is complete.
    """


class Cache:
    """Reads answer at once from memory, as of the last event received, and never start a watch.

    Each read decodes afresh: what it returns is the caller's own. Raises `NotCached` where nothing watches,
    `NotComplete` before the first list is complete (of a cluster just added, say), and pydantic.ValidationError when an
    object does not fit the model.
    """

    def __init__(self, client: Client, *, seed: str = "0", options: CacheOptions | None = None) -> None:
        self._client = client
        self._seed = seed
        self._options = options or CacheOptions()
        self._features = ServerFeatures(streaming=self._options.streaming)
        self._informers: dict[Scope, Informer] = {}
        self._wants_complete = True

    @property
    def informers(self) -> tuple[Informer, ...]:
        """In the order in which they were asked for."""
        return tuple(self._informers.values())

    @property
    def partial(self) -> Cache:
        """The same cache, whose reads answer what is there by now instead of raising `NotComplete`."""
        view = copy(self)
        view._wants_complete = False
        return view

    def informer(self, scope: Scope) -> Informer:
        """The one informer of a scope, made on first use; its owner runs it."""
        informer = self._informers.get(scope)
        if informer is None:
            random = Random(f"{self._seed}/informer/{scope}")
            options = self._options.of(scope.resource_type)
            informer = Informer(self._client, scope, random=random, options=options, features=self._features)
            self._informers[scope] = informer
        return informer

    def add_index(self, kind: type[Resource], name: str, function: IndexFunction) -> None:
        """Index all informers of a kind that exist by now. Raises NotCached if there is none."""
        for informer in self.partial._covering(kind.resource_type, None, any_namespace=True, heads=True):
            if not informer.store.has_index(name):
                informer.store.add_index(name, kind, function)

    def get(self, kind: type[R], name: str, namespace: str | None = None) -> R:
        """One object; raises `kubernaut.client.NotFound` if it does not exist."""
        return kind.from_json(self._find(kind.resource_type, name, namespace, heads=False).raw)

    def head(self, kind: type[Resource], name: str, namespace: str | None = None) -> ObjectHead:
        """The metadata of one object, without decoding the rest; raises as `get`."""
        return self._find(kind.resource_type, name, namespace, heads=True).head

    def list(
        self,
        kind: type[R],
        namespace: str | None = None,
        labels: LabelsArg = None,
        *,
        index: tuple[str, str] | None = None,
    ) -> Decoded[R]:
        """Objects by namespace (None: all), labels, and `index=(name, value)`; each is decoded when it is read.

        Raises KeyError for an unknown index.
        """
        return Decoded(kind, self._select(kind.resource_type, namespace, labels, index, heads=False))

    def heads(
        self,
        kind: type[Resource],
        namespace: str | None = None,
        labels: LabelsArg = None,
        *,
        index: tuple[str, str] | None = None,
    ) -> Sequence[ObjectHead]:
        """The metadata of objects, of metadata-only kinds too; selects and raises as `list`."""
        found = self._select(kind.resource_type, namespace, labels, index, heads=True)
        return tuple(stored.head for stored in found)

    def _select(
        self,
        rt: ResourceType,
        namespace: str | None,
        labels: LabelsArg,
        index: tuple[str, str] | None,
        *,
        heads: bool,
    ) -> Sequence[Stored]:
        informers = self._covering(rt, namespace, any_namespace=namespace is None, heads=heads)
        if index is not None:
            informers = [informer for informer in informers if informer.store.has_index(index[0])]
            if not informers:
                raise KeyError(f"no watch of {rt.group_resource} has an index {index[0]!r}")
        matches: Callable[..., bool] | None = LabelSelector.parse(labels).matches if labels else None
        first = informers[0]
        if len(informers) == 1 or not (first.scope.selective or first.scope.namespace not in (None, namespace)):
            return first.store.select(namespace=namespace, matches=matches, index=index)
        found: dict[Request, Stored] = {}
        for informer in informers:
            for stored in informer.store.select(namespace=namespace, matches=matches, index=index):
                found.setdefault(Request(stored.head.namespace or None, stored.head.name), stored)
        return tuple(found.values())

    def whole(self, rt: ResourceType, name: str, namespace: str | None) -> Stored | None:
        """One object exactly as the server sent it; None where no informer keeps it, or only a part of it."""
        key = Request(namespace if rt.namespaced else None, name)
        for informer in self._informers.values():
            if informer.whole and informer.scope.covers(rt, key.namespace):
                stored = informer.store.get(key)
                if stored is not None:
                    return stored
        return None

    def behind(self, written: Written) -> Informer | None:
        """The first informer that will show the write and does not yet."""
        for informer in self._informers.values():
            if informer.concerns(written) and not informer.reached(written):
                return informer
        return None

    def watches(self, written: Written) -> bool:
        """Whether some informer will ever show the write."""
        return any(i.scope.covers(written.resource_type, written.namespace) for i in self._informers.values())

    def _find(self, rt: ResourceType, name: str, namespace: str | None, *, heads: bool) -> Stored:
        key = Request(namespace if rt.namespaced else None, name)
        for informer in self._covering(rt, key.namespace, heads=heads):
            stored = informer.store.get(key)
            if stored is not None:
                return stored
        message = f'{rt.group_resource} "{name}" not found'
        details = {"name": name, "group": rt.group, "kind": rt.plural}
        raise NotFound({"kind": "Status", "message": message, "reason": "NotFound", "code": 404, "details": details})

    def _covering(
        self,
        rt: ResourceType,
        namespace: str | None,
        *,
        any_namespace: bool = False,
        heads: bool,
        complete: bool = True,
    ) -> Sequence[Informer]:
        """Informers of a kind, those that see everything first; `heads`: those that keep the metadata alone too."""
        found = [
            informer
            for scope, informer in self._informers.items()
            if scope.covers(rt, scope.namespace if any_namespace else namespace)
        ]
        where = f" in namespace {namespace}" if namespace else ""
        if not found:
            raise NotCached(f"no controller of this manager watches {rt.group_resource}{where}: add it to `watches`")
        full = found if heads else [informer for informer in found if not informer.scope.metadata_only]
        if not full:
            raise NotCached(
                f"only the metadata of {rt.group_resource}{where} is watched: read it with `head` or `heads`, "
                "or watch the kind without `metadata_only`"
            )
        for informer in full if self._wants_complete else ():
            if not informer.synced.is_set() and not informer.absent:
                raise NotComplete(f"the first list of {informer.scope} is not complete yet")
        return sorted(full, key=lambda informer: (informer.scope.selective, informer.scope.namespace is not None))
