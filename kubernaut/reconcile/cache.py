"""What reconcilers read: the stores of the manager's informers, behind typed reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from random import Random
from typing import TypeVar

from kubernaut.client import Client, NotFound, ObjectHead, Written
from kubernaut.client.params import namespace_for
from kubernaut.reconcile.informer import Informer, Scope, ServerFeatures
from kubernaut.reconcile.intake import CacheOptions, KindOptions
from kubernaut.reconcile.result import Request, RequeueError
from kubernaut.reconcile.selectors import LabelsArg, LabelSelector
from kubernaut.reconcile.store import Decoded, IndexFunction, Stored
from kubernaut.resources import Resource, ResourceType

__all__ = ["Cache", "CacheOptions", "KindOptions", "NotCached", "NotComplete"]

R = TypeVar("R", bound=Resource)

SHOWN = 5
"""Names that a message lists."""


_Reading = tuple[str, str, str | None, bool, bool]
_NONE_CHOSEN: tuple[int, Sequence[Informer], bool] = (-1, (), False)
MAX_CHOSEN = 1024
"""Choices of informers that a view remembers: one for each kind and namespace that is read."""


class NotCached(LookupError):
    """Raised for what no informer of the manager watches, or not in full: other namespaces, labels or versions."""


class NotComplete(RequeueError):
    """Raised by reads of a kind whose first list is not complete: what is not there may only not have come yet.

    A reconcile that lets it through is retried. A kind that the server does not serve has no objects, and is complete.
    """


class Cache:
    """Reads answer at once from memory, as of the last event received, and never start a watch.

    Each read decodes afresh: what it returns is the caller's own. Raises `NotCached` where nothing watches,
    `NotComplete` before the first list is complete (of a cluster just added, say), pydantic.ValidationError when an
    object does not fit the model, and ValueError for a name without the namespace that its kind needs.

    A controller's view (`scoped`) reads what the controller itself watches as that controller's selectors select it;
    all else, and every read of the manager's own cache, raises `NotCached` where the watches of others leave objects
    out that were asked for.
    """

    def __init__(self, client: Client, *, seed: str = "0", options: CacheOptions | None = None) -> None:
        self._client = client
        self._seed = seed
        self._options = options or CacheOptions()
        self._features = ServerFeatures(streaming=self._options.streaming)
        self._informers: dict[Scope, Informer] = {}
        # by_kind: the same informers by group and resource, then by namespace (None: all), so that a read costs the
        # same however many namespaces are watched.
        self._by_kind: dict[str, dict[str | None, list[Informer]]] = {}
        self._own: frozenset[Scope] = frozenset()
        self._wants_complete = True
        # chosen: by what is read, how many informers there were when it was chosen, those to read from, and whether
        # they are the view's own: choosing costs more than reading.
        self._chosen: dict[_Reading, tuple[int, Sequence[Informer], bool]] = {}

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

    def scoped(self, scopes: Iterable[Scope]) -> Cache:
        """The same cache as one controller sees it, which watches these scopes."""
        view = copy(self)
        view._own = frozenset(scopes)
        view._chosen = {}
        return view

    def informer(self, scope: Scope) -> Informer:
        """The one informer of a scope, made on first use; its owner runs it."""
        informer = self._informers.get(scope)
        if informer is None:
            random = Random(f"{self._seed}/informer/{scope}")
            options = self._options.of(scope.resource_type)
            informer = Informer(self._client, scope, random=random, options=options, features=self._features)
            self._informers[scope] = informer
            by_namespace = self._by_kind.setdefault(scope.resource_type.group_resource, {})
            by_namespace.setdefault(scope.namespace, []).append(informer)
        return informer

    def add_index(self, kind: type[Resource], name: str, function: IndexFunction) -> None:
        """Index all informers of a kind that exist by now. Raises NotCached if there is none."""
        rt = kind.resource_type
        for informer in self._watching(rt, None, any_namespace=True):
            if informer.scope.metadata_only or informer.scope.resource_type.version == rt.version:
                informer.store.add_index(name, kind, function)

    def get(self, kind: type[R], name: str, namespace: str | None = None) -> R:
        """One object; raises `kubernaut.client.NotFound` if it does not exist."""
        return kind.from_json(self.raw(kind, name, namespace))

    def raw(self, kind: type[Resource], name: str, namespace: str | None = None) -> bytes:
        """The JSON text of one object, as it is kept; raises as `get`."""
        return self._find(kind.resource_type, name, namespace, heads=False).raw

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
        informers, own = self._covering(rt, namespace, any_namespace=namespace is None, heads=heads)
        if index is not None:
            informers = [informer for informer in informers if informer.store.has_index(index[0])]
            if not informers:
                raise KeyError(f"no watch of {rt.group_resource} has an index {index[0]!r}")
        selector = LabelSelector.parse(labels)
        if not own:
            _refuse_partial(rt, namespace, informers, selector)
        matches: Callable[..., bool] | None = selector.matches if labels else None
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
        for informer in self.watching(rt.group_resource, key.namespace):
            if informer.whole and informer.scope.resource_type.version == rt.version:
                stored = informer.store.get(key)
                if stored is not None:
                    return stored
        return None

    def behind(self, written: Written) -> Informer | None:
        """The first informer that will show the write and does not yet."""
        for informer in self.watching(written.resource_type.group_resource, written.namespace):
            if informer.concerns(written) and not informer.reached(written):
                return informer
        return None

    def watches(self, written: Written) -> bool:
        """Whether some informer will ever show the write."""
        return bool(self.watching(written.resource_type.group_resource, written.namespace))

    def watching(self, group_resource: str, namespace: str | None) -> Sequence[Informer]:
        """The informers whose stores can hold objects of a kind (in any version) and namespace, selectors aside."""
        by_namespace = self._by_kind.get(group_resource, {})
        found = by_namespace.get(None, [])
        return [*found, *by_namespace.get(namespace, [])] if namespace else found

    def _find(self, rt: ResourceType, name: str, namespace: str | None, *, heads: bool) -> Stored:
        key = Request(namespace_for(rt, namespace), name)
        informers, own = self._covering(rt, key.namespace, heads=heads)
        for informer in informers:
            stored = informer.store.get(key)
            if stored is not None:
                return stored
        if not own and not any(informer.scope.selects(key.namespace, name, None) for informer in informers):
            raise _left_out(rt, key.namespace, informers)
        message = f'{rt.group_resource} "{name}" not found'
        details = {"name": name, "group": rt.group, "kind": rt.plural}
        raise NotFound({"kind": "Status", "message": message, "reason": "NotFound", "code": 404, "details": details})

    def _watching(self, rt: ResourceType, namespace: str | None, *, any_namespace: bool = False) -> Sequence[Informer]:
        """As `watching`; raises NotCached instead of answering none."""
        by_namespace = self._by_kind.get(rt.group_resource, {})
        if any_namespace:
            found: Sequence[Informer] = [informer for informers in by_namespace.values() for informer in informers]
        else:
            found = self.watching(rt.group_resource, namespace)
        if found:
            return found
        where = f" in namespace {namespace}" if namespace else ""
        if by_namespace:
            raise NotCached(f"{rt.group_resource} is not watched{where}, only in {_some(by_namespace)}")
        raise NotCached(f"no controller of this manager watches {rt.group_resource}{where}: add it to `watches`")

    def _covering(
        self, rt: ResourceType, namespace: str | None, *, any_namespace: bool = False, heads: bool
    ) -> tuple[Sequence[Informer], bool]:
        """Informers to read from, those that see everything first, and whether they are the view's own.

        `heads`: those of other versions, and of metadata alone, will do.
        """
        key = (rt.group_resource, rt.version, namespace, any_namespace, heads)
        count, found, own = self._chosen.get(key, _NONE_CHOSEN)
        if count != len(self._informers):
            found, own = self._choose(rt, namespace, any_namespace=any_namespace, heads=heads)
            if len(self._chosen) >= MAX_CHOSEN:
                self._chosen.clear()
            self._chosen[key] = (len(self._informers), found, own)
        for informer in found if self._wants_complete else ():
            if not informer.synced.is_set() and not informer.absent:
                raise NotComplete(f"the first list of {informer.scope} is not complete yet")
        return found, own

    def _choose(
        self, rt: ResourceType, namespace: str | None, *, any_namespace: bool, heads: bool
    ) -> tuple[Sequence[Informer], bool]:
        watching = self._watching(rt, namespace, any_namespace=any_namespace)
        own = [informer for informer in watching if informer.scope in self._own]
        found = _readable(rt, own, heads) or _readable(rt, watching, heads)
        if not found:
            raise _unreadable(rt, namespace, watching)
        if len(found) > 1:
            found = sorted(found, key=lambda informer: _preference(rt, informer.scope))
        return found, found[0].scope in self._own


def _readable(rt: ResourceType, informers: Sequence[Informer], heads: bool) -> Sequence[Informer]:
    if heads:
        return informers
    return [i for i in informers if not i.scope.metadata_only and i.scope.resource_type.version == rt.version]


def _preference(rt: ResourceType, scope: Scope) -> tuple[bool, bool, bool]:
    return scope.selective, scope.namespace is not None, scope.resource_type.version != rt.version


def _unreadable(rt: ResourceType, namespace: str | None, informers: Sequence[Informer]) -> NotCached:
    where = f" in namespace {namespace}" if namespace else ""
    others = {i.scope.resource_type.version: None for i in informers if not i.scope.metadata_only}
    if others:
        return NotCached(
            f"{rt.group_resource}{where} is watched in version {_some(others)}, not in {rt.version}: read that "
            "version, or the metadata with `head` or `heads`, or watch this one"
        )
    return NotCached(
        f"only the metadata of {rt.group_resource}{where} is watched: read it with `head` or `heads`, "
        "or watch the kind without `metadata_only`"
    )


def _refuse_partial(
    rt: ResourceType, namespace: str | None, informers: Sequence[Informer], labels: LabelSelector
) -> None:
    """Raise NotCached if what is asked for may be left out by selectors that are not the reader's."""
    if not any(informer.scope.selective for informer in informers):
        return
    complete = {informer.scope.namespace: None for informer in informers if informer.scope.selects_all(labels)}
    asked = dict.fromkeys(informer.scope.namespace for informer in informers)
    if None in complete or (namespace in complete if namespace else asked.keys() <= complete.keys()):
        return
    raise _left_out(rt, namespace, informers)


def _left_out(rt: ResourceType, namespace: str | None, informers: Sequence[Informer]) -> NotCached:
    where = f" in namespace {namespace}" if namespace else ""
    selective = _some(dict.fromkeys(str(informer.scope) for informer in informers if informer.scope.selective))
    return NotCached(
        f"{rt.group_resource}{where} is watched in part only ({selective}), for another controller: add it to `watches`"
    )


def _some(names: Iterable[str | None]) -> str:
    known = [name for name in names if name]
    return ", ".join(known[:SHOWN]) + (f" and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
