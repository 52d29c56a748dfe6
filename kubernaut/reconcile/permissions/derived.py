"""The rights that follow from what a controller and a manager are: exactly the requests that the runtime sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubernaut.reconcile.controller import Controller, Owns
from kubernaut.reconcile.election import LeaderElection
from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.reconciler import Reconciler
from kubernaut.reconcile.running.sources import Source, sources_of
from kubernaut.reconcile.selectors import FieldSelector, LabelsArg
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.authentication_v1 import TokenReview
from kubernaut.resources.builtin.authorization_v1 import SubjectAccessReview
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.events_v1 import Event

EVENTS_OF_CLUSTER_SCOPED = "default"
"""The namespace of events about objects that have none."""


def permissions_of(controller: Controller, *, cluster: str = "") -> list[Permission]:
    """Everything that a controller needs in one cluster ("" is the manager's own), what it declares at the end.

    A controller restricted to namespaces needs its rights in those alone. For a `RequestReconciler` the runtime reads
    and writes nothing: beyond its informers it has what it declares. The status of Kubernetes' own kinds belongs to
    others: a reconciler that writes it declares so.
    """
    sources = [source for source in sources_of(controller) if source.clusters(cluster)]
    found = [permission for source in sources for permission in _informers(controller, source)]
    if not controller.clusters(cluster):
        return found
    for namespace in _namespaces(controller, controller.kind.resource_type):
        found += _own_kind(controller, namespace)
    for owned in (each for each in controller.owns if each.applied):
        for namespace in _namespaces(controller, owned.kind.resource_type):
            found += _owned(owned, namespace)
    return [*found, *_events(controller), *controller.permissions]


def manager_permissions(
    controllers: Iterable[Controller],
    *,
    leader_election: LeaderElection | None = None,
    namespace: str = "default",
    protected_metrics: bool = False,
    cluster: str = "",
) -> list[Permission]:
    """Everything that a manager of these controllers needs in one cluster.

    `namespace`: where it runs, and so its leases unless the election names another. `protected_metrics`: who reads the
    metrics is asked of the API server (`TokenReview`).
    """
    found = [permission for controller in controllers for permission in permissions_of(controller, cluster=cluster)]
    if leader_election is not None and not cluster:
        found += election_permissions(leader_election, namespace)
    if protected_metrics and not cluster:
        found.append(Permission(["create"], TokenReview, why="protected metrics: who asks for them"))
        found.append(Permission(["create"], SubjectAccessReview, why="protected metrics: whether they may"))
    return found


def election_permissions(election: LeaderElection, namespace: str) -> list[Permission]:
    """The rights on the Leases of an election; `namespace` holds where the election names none."""
    where = election.namespace or namespace
    # A create names nothing that RBAC could look at; replicas of a sharded election name their leases themselves.
    names = () if election.shards > 1 else (election.name,)
    made = Permission(["create"], Lease, namespace=where, why="leader election: the first to contend makes the lease")
    kept = Permission(["get", "update"], Lease, namespace=where, names=names, why="leader election: to take and renew")
    if election.shards == 1:
        told = Permission(["create"], Event, namespace=where, why="leader election: who leads")
        return [made, kept, told]
    why = "sharded leader election: who takes part, and leases of members that died"
    members = Permission(["list", "delete"], Lease, namespace=where, why=why)
    # A share may go and come back within one run, which is the same Event again.
    told = Permission(["create", "patch"], Event, namespace=where, why="sharded leader election: who leads")
    return [made, kept, members, told]


def _informers(controller: Controller, source: Source) -> Iterator[Permission]:
    own = source.kind is controller.kind
    for scope in source.scopes:
        names = _selected_names(scope.fields)
        why = f"{controller.name}: informer of {'its kind' if own else 'what it watches'}"
        yield Permission(["list", "watch"], source.kind, namespace=scope.namespace, names=names, why=why)


def _selected_names(fields: LabelsArg) -> tuple[str, ...]:
    """The one name that a field selector leaves: RBAC honours it for list and watch."""
    try:
        selector = FieldSelector.parse(fields)
    except ValueError:
        return ()
    names = [term for term in selector.names if term.key == "metadata.name" and not term.negated]
    return tuple(sorted(names[0].values or ())) if names else ()


def _own_kind(controller: Controller, namespace: str | None) -> Iterator[Permission]:
    kind, reconciler = controller.kind, controller.reconciler
    if not isinstance(reconciler, Reconciler):
        return
    names = _selected_names(controller.fields)
    writes_status = "status" in kind.model_fields and not _of_kubernetes(kind.resource_type)
    if writes_status:
        why = f"{controller.name}: writes the status"
        yield Permission(["update"], kind, namespace=namespace, names=names, subresource="status", why=why)
    if reconciler.finalizer is not None:
        why = f"{controller.name}: adds and removes its finalizer"
        yield Permission(["patch"], kind, namespace=namespace, names=names, why=why)
    if writes_status or reconciler.finalizer is not None:
        why = f"{controller.name}: reads again before it repeats a write that came too late"
        yield Permission(["get"], kind, namespace=namespace, names=names, why=why)
    if any(owned.applied for owned in controller.owns):
        # OwnerReferencesPermissionEnforcement asks this of whoever sets blockOwnerDeletion.
        why = f"{controller.name}: owner references that block the owner's deletion"
        yield Permission(["update"], kind, namespace=namespace, subresource="finalizers", why=why)


def _owned(owned: Owns, namespace: str | None) -> Iterator[Permission]:
    why = f"applies {owned.kind.resource_type.plural} that it owns"
    yield Permission(["create", "patch"], owned.kind, namespace=namespace, why=why)
    if owned.optional or owned.labels is not None or owned.fields is not None:
        # The cache cannot say that there is no such object, so the adoption guard asks the server.
        why = f"looks who controls {owned.kind.resource_type.plural} that its informer may leave out"
        yield Permission(["get"], owned.kind, namespace=namespace, why=why)


def _events(controller: Controller) -> Iterator[Permission]:
    kind = controller.kind.resource_type
    where = _namespaces(controller, kind) if kind.namespaced else [EVENTS_OF_CLUSTER_SCOPED]
    for namespace in where:
        yield Permission(["create", "patch"], Event, namespace=namespace, why=f"{controller.name}: Events")


def _namespaces(controller: Controller, kind: ResourceType) -> list[str | None]:
    """Where the controller works on a kind; [None] for everywhere."""
    given = controller.namespace
    if given is None or not kind.namespaced:
        return [None]
    return list(dict.fromkeys([given] if isinstance(given, str) else given))


def _of_kubernetes(kind: ResourceType) -> bool:
    return "." not in kind.group or kind.group.endswith(".k8s.io")
