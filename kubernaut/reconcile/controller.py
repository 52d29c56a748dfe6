"""What a controller is: a reconciler, and which changes of which objects it is called for. Configuration only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import NoneType
from typing import Any, TypeVar

from kubernaut.client import Client
from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.queue import Backoff, TokenBucket
from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler
from kubernaut.reconcile.result import PRIORITY_EVENT, Request
from kubernaut.reconcile.selectors import LabelsArg
from kubernaut.reconcile.settings import (
    check_count,
    check_duration,
    check_field_manager,
    check_fields,
    check_function,
    check_functions,
    check_indexes,
    check_kind,
    check_labels,
    check_list,
    check_namespace,
    check_reconciler,
    check_type,
)
from kubernaut.reconcile.store import Change, IndexFunction
from kubernaut.resources import Resource

PredicateFunction = Callable[[Change], bool]
Mapper = Callable[..., Iterable[Request]]
Namespaces = str | Sequence[str] | None
ClusterFilter = Callable[[str], bool]
R = TypeVar("R", bound=Resource)

UNNAMED = "kubernaut"
"""The field manager of a `Client` that was given none."""


def every_cluster(name: str) -> bool:
    """The default choice of clusters: all, the manager's own (named "") included."""
    return True


@dataclass(frozen=True)
class Owns:
    """A kind whose objects belong to the controller's kind; their changes lead to their owner.

    The owner is told by the controller reference, or by the annotation that `mark_owner` sets where references cannot
    reach. `metadata_only` keeps no more than the metadata in memory. `optional`: the controller works, and the manager
    is ready, while the server does not know the kind. `labels` and `fields` narrow the watch at the server. `applied`:
    its reconciler applies them, with itself as their owner, and so has the rights for that; one that makes them
    otherwise declares what it needs.
    """

    kind: type[Resource]
    predicates: Sequence[PredicateFunction] = ()
    labels: LabelsArg = None
    fields: LabelsArg = None
    metadata_only: bool = False
    optional: bool = False
    applied: bool = True

    def __post_init__(self) -> None:
        check_kind("Owns.kind", self.kind)
        check_labels(self.labels)
        check_fields(self.fields)
        check_functions("predicates", self.predicates)


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
        check_kind("Watch.kind", self.kind)
        check_function("`to`", self.to)
        check_labels(self.labels)
        check_fields(self.fields)
        check_functions("predicates", self.predicates)
        check_namespace(self.namespace)
        check_indexes(self.indexes)
        check_type("priority", self.priority, int, "a whole number")
        if self.clusters is not None:
            check_function("clusters", self.clusters)


class Controller:
    """What to run: pure configuration, which any number of managers can run, one after the other.

    `owns`: kinds whose objects carry a controller reference to `kind`, or `Owns` for more say. `predicates` apply to
    `kind` alone; each `Watch` has its own. `namespace` (one or several), `labels` and `fields` narrow which objects of
    `kind` are seen. `max_concurrent`: keys reconciled at once, 1 by default; one key is never reconciled twice at once.
    `reconcile_timeout`: a reconcile is cancelled after it and counts as failed; none by default. `bucket` makes an
    overall limit on retries. `leader_elected`: whether it works on the leader only. `clusters` tells by name in which
    of the manager's clusters it works; all by default. `metadata_only` keeps only the metadata of `kind` in memory: for
    a `RequestReconciler` that reads the objects live. `field_manager` names it in the managedFields of what it writes,
    by default `kubernaut/<name>`, or that of a client which was given one of its own: of two controllers that apply to
    one object as one field manager, each takes away what the other set. `permissions`: what the reconciler asks of the
    API server beyond its informers, finalizer, status, Events and the apply of what it owns, which follow from the rest
    (`permissions_of`). Raises ValueError and TypeError for settings that cannot work.
    """

    def __init__(
        self,
        kind: type[R],
        reconciler: Reconciler[R] | RequestReconciler,
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
        field_manager: str | None = None,
        permissions: Sequence[Permission] = (),
    ) -> None:
        check_kind("the kind", kind)
        check_reconciler(kind, reconciler)
        check_type("name", name, (str, NoneType), "a text")
        _check_owns(owns)
        check_list("watches", watches, Watch, "Watch")
        check_list("permissions", permissions, Permission, "Permission")
        check_functions("predicates", predicates)
        check_count("max_concurrent", max_concurrent)
        if reconcile_timeout is not None:
            check_duration("reconcile_timeout", reconcile_timeout)
            if reconcile_timeout <= timedelta(0):
                raise ValueError(f"reconcile_timeout is {reconcile_timeout}: it must be positive, or None for no limit")
        if metadata_only and isinstance(reconciler, Reconciler):
            raise ValueError("metadata_only: a typed Reconciler reads whole objects; use a RequestReconciler")
        check_namespace(namespace)
        check_labels(labels)
        check_fields(fields)
        check_indexes(indexes or {})
        check_type("backoff", backoff, (Backoff, NoneType), "a Backoff, or None for the default")
        if bucket is not None:
            check_function("bucket", bucket)
        check_function("clusters", clusters)
        name = name or kind.resource_type.kind.lower()
        check_field_manager(f"{UNNAMED}/{name}" if field_manager is None else field_manager)
        self.kind: type[Resource] = kind
        self.reconciler: Reconciler[Any] | RequestReconciler = reconciler
        self.name = name
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
        self.field_manager = field_manager
        self.permissions = tuple(permissions)

    def manages_as(self, client: Client) -> str:
        """The field manager of its writes with this client."""
        if self.field_manager is not None:
            return self.field_manager
        return f"{UNNAMED}/{self.name}" if client.field_manager == UNNAMED else client.field_manager

    @property
    def kinds(self) -> tuple[type[Resource], ...]:
        """Every kind it watches, its own first."""
        return (self.kind, *(owned.kind for owned in self.owns), *(watch.kind for watch in self.watches))


def _check_owns(owns: Sequence[type[Resource] | Owns]) -> None:
    check_list("owns", owns, (type, Owns), "kinds or Owns")
    for owned in owns:
        if isinstance(owned, type):
            check_kind("owns", owned)
