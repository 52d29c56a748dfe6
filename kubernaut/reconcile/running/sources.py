"""One watch of one controller: its informers' changes on one side, requests on the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from structlog.stdlib import BoundLogger

from kubernaut.client import ObjectHead
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.controller import (
    ClusterFilter,
    Controller,
    Mapper,
    Namespaces,
    Owns,
    PredicateFunction,
    Watch,
)
from kubernaut.reconcile.informer import Informer, Scope
from kubernaut.reconcile.owners import owner_requests
from kubernaut.reconcile.result import PRIORITY_EVENT, PRIORITY_INITIAL, Request
from kubernaut.reconcile.selectors import LabelsArg
from kubernaut.reconcile.store import Change, ChangeType, IndexFunction
from kubernaut.resources import Resource

AddRequest = Callable[[Request, int], None]


@dataclass(frozen=True)
class Source:
    """Which objects are watched, and which requests their changes lead to."""

    kind: type[Resource]
    to: Mapper
    predicates: Sequence[PredicateFunction]
    clusters: ClusterFilter
    namespaces: Namespaces = None
    labels: LabelsArg = None
    fields: LabelsArg = None
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)
    priority: int = PRIORITY_EVENT
    metadata_only: bool = False
    optional: bool = False
    to_cluster: str | None = None
    reads: tuple[Scope, ...] = ()
    """What the controller's own view of the cache consists of."""
    within: frozenset[str] | None = None
    """The namespaces that the controller works in; requests for others are left out. None: all."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What the informers of this source watch, one for each namespace."""
        rt = self.kind.resource_type
        return Scope.across(rt, self.namespaces, self.labels, self.fields, metadata_only=self.metadata_only)

    def mapper(self, cache: Cache) -> Callable[[ObjectHead], Iterable[Request]]:
        """`to`, given the cache if it wants one."""
        # What is not listed yet is told about itself when it comes, so a mapper need not wait for it.
        return partial(_with_cache, self.to, cache.scoped(self.reads).partial) if _wants_two(self.to) else self.to


def _wants_two(to: Mapper) -> bool:
    """Whether a second argument must be given; one with a default (`lambda head, name=name: ...`) is not asked for."""
    try:
        parameters = inspect.signature(to).parameters.values()
    except ValueError:  # a built-in that does not tell
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters) > 1


def _with_cache(to: Mapper, cache: Cache, head: ObjectHead) -> Iterable[Request]:
    return to(head, cache)


def sources_of(controller: Controller) -> list[Source]:
    """The sources of a controller: its own kind first, then what it owns and what it watches."""
    own = Source(
        controller.kind,
        _own_request,
        controller.predicates,
        controller.clusters,
        namespaces=controller.namespace,
        labels=controller.labels,
        fields=controller.fields,
        indexes=controller.indexes,
        metadata_only=controller.metadata_only,
    )
    owned = [_owned(controller, owns) for owns in controller.owns]
    sources = [own, *owned, *(_watched(controller, watch) for watch in controller.watches)]
    reads = _reads(sources)
    within = frozenset(scope.namespace for scope in own.scopes if scope.namespace) or None
    return [replace(source, reads=reads, within=within) for source in sources]


def _reads(sources: Sequence[Source]) -> tuple[Scope, ...]:
    """All that the sources watch; of the controller's own kind only what it reconciles, whatever else it watches."""
    own, *others = sources
    kind = own.kind.resource_type.group_resource
    other_scopes = (scope for source in others for scope in source.scopes)
    return (*own.scopes, *(scope for scope in other_scopes if scope.resource_type.group_resource != kind))


def reads_of(controller: Controller) -> tuple[Scope, ...]:
    """The scopes of `Cache.scoped` for a controller's reconciles."""
    return sources_of(controller)[0].reads


def _own_request(head: ObjectHead) -> list[Request]:
    return [Request(head.namespace or None, head.name)]


def _owned(controller: Controller, owns: Owns) -> Source:
    return Source(
        owns.kind,
        owner_requests(controller.kind.resource_type),
        owns.predicates,
        controller.clusters,
        namespaces=controller.namespace,
        labels=owns.labels,
        fields=owns.fields,
        metadata_only=owns.metadata_only,
        optional=owns.optional,
    )


def _watched(controller: Controller, watch: Watch) -> Source:
    return Source(
        watch.kind,
        watch.to,
        watch.predicates,
        watch.clusters or controller.clusters,
        namespaces=watch.namespace,
        labels=watch.labels,
        fields=watch.fields,
        indexes=watch.indexes,
        priority=watch.priority,
        metadata_only=watch.metadata_only,
        optional=watch.optional,
        to_cluster=watch.to_cluster,
    )


def _checked(requests: object) -> Iterator[Request]:
    if isinstance(requests, str) or not isinstance(requests, Iterable):
        raise TypeError(f"`to` returned {requests!r}: it must return Requests, in a list for example")
    for request in requests:
        if not isinstance(request, Request):
            raise TypeError(f"`to` returned {request!r} among its requests: it must return Requests")
        yield request


class Attachment:
    """A source joined to its informers in one cluster."""

    def __init__(self, source: Source, cluster: str, cache: Cache, add: AddRequest, log: BoundLogger) -> None:
        self.source = source
        self.failures = 0
        """Changes lost because a predicate or the mapper raised."""
        self._to = source.mapper(cache)
        self._cluster = cluster if source.to_cluster is None else source.to_cluster
        self._add = add
        self._log = log
        self.informers = [self._join(cache, scope) for scope in source.scopes]

    def _join(self, cache: Cache, scope: Scope) -> Informer:
        informer = cache.informer(scope)
        for name, function in self.source.indexes.items():
            informer.store.add_index(name, self.source.kind, function)
        informer.add_handler(self.handle)
        return informer

    def handle(self, change: Change) -> None:
        """Add the requests that a change leads to; an error must not end the informer that others share."""
        try:
            if all(predicate(change) for predicate in self.source.predicates):
                priority = min(PRIORITY_INITIAL, self.source.priority) if change.initial else self.source.priority
                for request in dict.fromkeys(self._requests(change)):
                    self._add(request, priority)
        except Exception:
            self.failures += 1
            watched = self.source.kind.resource_type.group_resource
            self._log.exception(
                "a predicate or mapper failed: the change is lost to it", watched=watched, object=str(change.key)
            )

    def _requests(self, change: Change) -> Iterator[Request]:
        for stored in (change.new,) if change.old is None else (change.old, change.new):
            for request in _checked(self._to(stored.head)):
                if self.source.within and request.namespace and request.namespace not in self.source.within:
                    continue
                if self._cluster and not request.cluster:
                    yield Request(request.namespace, request.name, self._cluster)
                else:
                    yield request

    def replays(self) -> Iterator[Callable[[], None]]:
        """For each object that is there by now: a call that handles it as one found in a first list."""
        for informer in self.informers:
            for key, stored in informer.store.items():
                yield partial(self.handle, Change(ChangeType.ADDED, key, None, stored, initial=True))
