"""The rights that follow from a controller: exactly what the runtime sends for it, and where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from kubernaut.reconcile import Context, Controller, LeaderElection, Owns, Permission, Reconciler, Request, Watch
from kubernaut.reconcile.permissions import manager_permissions, permissions_of, policy_rules
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Secret
from tests.reconcile.widgets import Widget


class Sizes(Reconciler[Any]):
    async def reconcile(self, obj: Any, ctx: Context) -> None:
        return None


class Finalizing(Sizes):
    finalizer: ClassVar[str | None] = "example.dev/finalizer"


class Raw:
    async def reconcile(self, request: Request, ctx: Context) -> None:
        return None


class Plain(Resource, group="example.dev", version="v1", scope="Cluster"):
    size: int = 0


def rights(*permissions: Permission) -> set[str]:
    """`verb resource namespace names`."""
    found = set()
    for permission in permissions:
        where, names = permission.namespace or "*", ",".join(permission.names)
        found |= {f"{verb} {permission.path} {where} {names}".strip() for verb in permission.verbs}
    return found


def of(controller: Controller, **options: Any) -> set[str]:
    return rights(*permissions_of(controller, **options))


EVENTS = {"create events *", "patch events *"}
SEEN = {"list widgets *", "watch widgets *"}


def test_a_typed_reconciler_reads_its_kind_and_writes_its_status() -> None:
    assert of(Controller(Widget, Sizes())) == SEEN | EVENTS | {"get widgets *", "update widgets/status *"}


def test_a_finalizer_is_a_patch_and_a_read_of_the_object() -> None:
    found = of(Controller(Widget, Finalizing()))
    assert found - of(Controller(Widget, Sizes())) == {"patch widgets *"}
    plain = of(Controller(Plain, Finalizing()))
    assert plain == {
        "list plains *",
        "watch plains *",
        "get plains *",
        "patch plains *",
        "create events default",
        "patch events default",
    }


def test_a_request_reconciler_has_its_informers_and_events_only() -> None:
    assert of(Controller(Widget, Raw())) == SEEN | EVENTS


def test_the_status_of_kubernetes_own_kinds_belongs_to_others() -> None:
    assert of(Controller(Deployment, Sizes())) == {"list deployments *", "watch deployments *"} | EVENTS


def test_what_is_owned_is_seen_and_applied_and_blocks_the_deletion_of_its_owner() -> None:
    found = of(Controller(Widget, Sizes(), owns=[ConfigMap])) - of(Controller(Widget, Sizes()))
    verbs = ("list", "watch", "create", "patch")
    assert found == {f"{verb} configmaps *" for verb in verbs} | {"update widgets/finalizers *"}


def test_what_is_owned_and_made_otherwise_is_only_seen() -> None:
    found = of(Controller(Widget, Sizes(), owns=[Owns(ConfigMap, applied=False)])) - of(Controller(Widget, Sizes()))
    assert found == {"list configmaps *", "watch configmaps *"}


@pytest.mark.parametrize("owned", [Owns(ConfigMap, labels="a=b"), Owns(ConfigMap, optional=True)])
def test_what_an_informer_may_leave_out_is_read_before_it_is_adopted(owned: Owns) -> None:
    assert "get configmaps *" in of(Controller(Widget, Sizes(), owns=[owned]))


def test_what_is_watched_is_listed_and_watched_where_it_is_watched() -> None:
    watch = Watch(Secret, to=lambda head: [], namespace=["a", "b"], fields="metadata.name=key")
    found = of(Controller(Widget, Raw(), watches=[watch])) - SEEN - EVENTS
    assert found == {f"{verb} secrets {where} key" for verb in ("list", "watch") for where in "ab"}


def test_a_controller_restricted_to_namespaces_has_its_rights_there_only() -> None:
    controller = Controller(Widget, Finalizing(), owns=[ConfigMap, Namespace], namespace=["a", "b"])
    found = of(controller)
    everywhere = {right for right in found if right.endswith(" *")}
    assert everywhere == {f"{verb} namespaces *" for verb in ("list", "watch", "create", "patch")}
    assert {right[:-2] for right in found if right.endswith(" a")} == {
        right[:-2] for right in found if right.endswith(" b")
    }
    assert {"update widgets/status a", "create events b", "create configmaps a", "update widgets/finalizers b"} <= found
    rules = policy_rules(permissions_of(controller))
    assert list(rules.namespaces) == ["a", "b"]
    assert [rule.resources for rule in rules.cluster] == [["namespaces"]]


def test_what_it_declares_comes_on_top() -> None:
    declared = Permission(["get"], Secret, namespace="shop")
    assert permissions_of(Controller(Widget, Raw(), permissions=[declared]))[-1] is declared


def test_in_each_cluster_it_needs_what_it_does_there() -> None:
    watch = Watch(Deployment, to=lambda head: [], clusters=lambda name: name != "", to_cluster="")
    controller = Controller(Widget, Sizes(), watches=[watch], clusters=lambda name: name == "")
    assert of(controller, cluster="east") == {"list deployments *", "watch deployments *"}
    assert "list deployments *" not in of(controller)


def test_one_lease_is_named_and_the_leases_of_shares_are_listed() -> None:
    single = rights(*manager_permissions([], leader_election=LeaderElection("w"), namespace="sys"))
    assert single == {"create leases sys", "get leases sys w", "update leases sys w", "create events sys"}
    sharded = LeaderElection("w", namespace="other", shards=4, lease_duration=timedelta(seconds=15))
    verbs = ("get", "list", "create", "update", "delete")
    found = {right for right in rights(*manager_permissions([], leader_election=sharded)) if " events " not in right}
    assert found == {f"{verb} leases other" for verb in verbs}
    assert "patch events other" in rights(*manager_permissions([], leader_election=sharded))


def test_protected_metrics_ask_two_reviews() -> None:
    found = rights(*manager_permissions([], protected_metrics=True))
    assert found == {"create tokenreviews *", "create subjectaccessreviews *"}


def test_every_right_tells_why_it_is_there() -> None:
    controller = Controller(Widget, Finalizing(), owns=[Owns(ConfigMap, optional=True)])
    election = LeaderElection("w", shards=2)
    for permission in manager_permissions([controller], leader_election=election, protected_metrics=True):
        assert permission.why


# Rules.


def test_rules_are_few_and_the_same_in_whatever_order() -> None:
    given = [
        Permission(["watch", "list"], ConfigMap),
        Permission(["list", "watch"], Secret),
        Permission(["get"], Deployment),
        Permission(["get"], ConfigMap),
        Permission(["get"], Secret),
    ]
    rules = policy_rules(given)
    assert [(rule.api_groups, rule.resources, rule.verbs) for rule in rules.cluster] == [
        ([""], ["configmaps", "secrets"], ["get", "list", "watch"]),
        (["apps"], ["deployments"], ["get"]),
    ]
    assert policy_rules(reversed(given)) == rules


def test_what_holds_everywhere_is_not_granted_again_in_a_namespace() -> None:
    rules = policy_rules([Permission(["get"], Secret), Permission(["get", "list"], Secret, namespace="shop")])
    assert [rule.verbs for rule in rules.namespaces["shop"]] == [["list"]]
    narrow = policy_rules([Permission(["get"], Secret), Permission(["get"], Secret, names=["key"])])
    assert [rule.resource_names for rule in narrow.cluster] == [[]]
    assert policy_rules([Permission(["get"], Secret), Permission(["get"], Secret, namespace="shop")]).namespaces == {}
