"""What a controller is: a reconciler, and which changes of which objects it is called for. Configuration only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubernaut.reconcile.queue import Backoff, TokenBucket
from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler
from kubernaut.reconcile.result import PRIORITY_EVENT, Request
from kubernaut.reconcile.selectors import LabelsArg, LabelSelector
from kubernaut.reconcile.store import Change, IndexFunction
from kubernaut.resources import Resource

PredicateFunction = Callable[[Change], bool]
Mapper = Callable[..., Iterable[Request]]
Namespaces = str | Sequence[str] | None
ClusterFilter = Callable[[str], bool]


def every_cluster(name: str) -> bool:
    """The default choice of clusters: all, the manager's own (named "") included."""
    return True


@dataclass(frozen=True)
class Owns:
    """A kind whose objects belong to the controller's kind; their changes lead to their owner.

    The owner is told by the controller reference, or by the annotation that `mark_owner` sets where references cannot
    reach. `metadata_only` keeps no more than the metadata in memory. `optional`: the controller works, and the manager
    is ready, while the server does not know the kind. `labels` and `fields` narrow the watch at the server.
    """

    kind: type[Resource]
    predicates: Sequence[PredicateFunction] = ()
    labels: LabelsArg = None
    fields: LabelsArg = None
    metadata_only: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        LabelSelector.parse(self.labels)  # raises ValueError
        _refuse_coroutines(self.predicates, "a predicate")


@dataclass(frozen=True)
class Watch:
    """Objects of another kind whose changes lead to requests.

    `to` is called with the object's `ObjectHead` (name, namespace, labels, annotations ...) and, if it takes a second
    argument, the cache of the object's cluster; on an update it is asked about both states. Its requests are for that
    same cluster, or for `to_cluster` where that is given. `clusters` tells by name in which clusters to watch.
    `labels`, `fields`, `namespace` narrow the watch at the server. `indexes` are made on the watched kind: name ->
    function of the decoded object. `priority` is that of the requests. `metadata_only` and `optional` as in `Owns`.
    """

    kind: type[Resource]
    to: Mapper
    predicates: Sequence[PredicateFunction] = ()
    labels: LabelsArg = None
    fields: LabelsArg = None
    namespace: Namespaces = None
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)
    priority: int = PRIORITY_EVENT
    metadata_only: bool = False
    optional: bool = False
    clusters: ClusterFilter | None = None
    to_cluster: str | None = None

    def __post_init__(self) -> None:
        LabelSelector.parse(self.labels)  # raises ValueError
        _refuse_coroutines((self.to,), "`to`")
        _refuse_coroutines(self.predicates, "a predicate")
        _refuse_empty(self.namespace)


class Controller:
    """What to run: pure configuration, which any number of managers can run, one after the other.

    `owns`: kinds whose objects carry a controller reference to `kind`, or `Owns` for more say. `predicates` apply to
    `kind` alone; each `Watch` has its own. `namespace` (one or several), `labels` and `fields` narrow which objects of
    `kind` are seen. `max_concurrent`: keys reconciled at once, 1 by default; one key is never reconciled twice at once.
    `reconcile_timeout`: a reconcile is cancelled after it and counts as failed; none by default. `bucket` makes an
    overall limit on retries. `leader_elected`: whether it works on the leader only. `clusters` tells by name in which
    of the manager's clusters it works; all by default. `metadata_only` keeps only the metadata of `kind` in memory: for
    a `RequestReconciler` that reads the objects live. Raises ValueError and TypeError for settings that cannot work.
    """

    def __init__(
        self,
        kind: type[Resource],
        reconciler: Reconciler[Any] | RequestReconciler,
        *,
        name: str | None = None,
        owns: Sequence[type[Resource] | Owns] = (),
        watches: Sequence[Watch] = (),
        predicates: Sequence[PredicateFunction] = (),
        max_concurrent: int = 1,
        reconcile_timeout: timedelta | None = None,
        namespace: Namespaces = None,
        labels: LabelsArg = None,
        fields: LabelsArg = None,
        indexes: Mapping[str, IndexFunction] | None = None,
        backoff: Backoff | None = None,
        bucket: Callable[[], TokenBucket] | None = None,
        leader_elected: bool = True,
        clusters: ClusterFilter = every_cluster,
        metadata_only: bool = False,
    ) -> None:
        if isinstance(reconciler, type) or not isinstance(reconciler, Reconciler | RequestReconciler):
            raise TypeError(f"the reconciler is {reconciler!r}: it must be an object with a method `reconcile`")
        if max_concurrent < 1:
            raise ValueError(f"max_concurrent is {max_concurrent}: it must be at least 1")
        if reconcile_timeout is not None and reconcile_timeout <= timedelta(0):
            raise ValueError(f"reconcile_timeout is {reconcile_timeout}: it must be positive, or None for no limit")
        if metadata_only and isinstance(reconciler, Reconciler):
            raise ValueError("metadata_only: a typed Reconciler reads whole objects; use a RequestReconciler")
        LabelSelector.parse(labels)  # raises ValueError
        _refuse_coroutines(predicates, "a predicate")
        _refuse_empty(namespace)
        self.kind = kind
        self.reconciler = reconciler
        self.name = name or kind.resource_type.kind.lower()
        self.owns = tuple(owned if isinstance(owned, Owns) else Owns(owned) for owned in owns)
        self.watches = tuple(watches)
        self.predicates = tuple(predicates)
        self.max_concurrent = max_concurrent
        self.reconcile_timeout = reconcile_timeout
        self.namespace = namespace
        self.labels = labels
        self.fields = fields
        self.indexes = dict(indexes or {})
        self.backoff = backoff or Backoff()
        self.bucket = bucket
        self.leader_elected = leader_elected
        self.clusters = clusters
        self.metadata_only = metadata_only

    @property
    def kinds(self) -> tuple[type[Resource], ...]:
        """Every kind it watches, its own first."""
        return (self.kind, *(owned.kind for owned in self.owns), *(watch.kind for watch in self.watches))


def _refuse_coroutines(functions: Iterable[Callable[..., Any]], what: str) -> None:
    for function in functions:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{what} is a coroutine function: it must answer at once, from what it is given")


def _refuse_empty(namespace: Namespaces) -> None:
    names = [namespace] if isinstance(namespace, str) else namespace
    if names is not None and (not names or not all(names)):
        raise ValueError(f"namespace is {namespace!r}: it must be one name or several, or None for all namespaces")
