"""Predicates: which changes each of them lets through, and that each watch has its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kubernaut.client import ObjectHead
from kubernaut.reconcile import Change, Owns, Request, Watch, predicates
from kubernaut.reconcile.predicates import Predicate, head_matches
from kubernaut.resources.builtin.core_v1 import ConfigMap, Secret
from tests.reconcile.controller.changes import added, deleted, stored, updated
from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget

ON_UPDATE = [
    predicates.generation_changed,
    predicates.labels_changed,
    predicates.annotations_changed,
    predicates.resource_version_changed,
    predicates.status_changed,
]
YES = Predicate(lambda change: True)
NO = Predicate(lambda change: False)
ANY = updated(stored(), stored())


@pytest.mark.parametrize("predicate", ON_UPDATE)
def test_every_creation_and_deletion_passes_what_compares_two_states(predicate: Predicate) -> None:
    assert predicate(added(stored()))
    assert predicate(added(stored(), initial=True))
    assert predicate(deleted(stored()))


@pytest.mark.parametrize("predicate", ON_UPDATE)
def test_an_update_that_changes_nothing_does_not_pass(predicate: Predicate) -> None:
    state: dict[str, Any] = {"labels": {"a": "b"}, "annotations": {"c": "d"}, "generation": 3, "resourceVersion": "5"}
    assert not predicate(updated(stored(status={"x": 1}, **state), stored(status={"x": 1}, **state)))
    assert not predicate(updated(stored(), stored()))


@pytest.mark.parametrize("predicate", ON_UPDATE)
def test_the_beginning_of_a_deletion_passes_whatever_is_compared(predicate: Predicate) -> None:
    assert predicate(updated(stored(), stored(deletionTimestamp="2024-01-01T00:00:00Z")))


def test_generation_passes_when_the_spec_changed_and_on_nothing_else() -> None:
    assert predicates.generation_changed(updated(stored(generation=1), stored(generation=2)))
    assert predicates.generation_changed(updated(stored(), stored(generation=1)))
    assert not predicates.generation_changed(updated(stored(generation=1, labels={"a": "b"}), stored(generation=1)))


def test_updates_of_kinds_without_a_generation_never_pass_the_generation() -> None:
    assert not predicates.generation_changed(updated(stored(spec={"a": 1}), stored(spec={"a": 2})))


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        ({}, {}, False),
        ({"a": "1"}, {"a": "1"}, False),
        ({"a": "1"}, {"a": "2"}, True),
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ({"a": "1", "b": "2"}, {"a": "1"}, True),
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, False),
        ({}, None, False),
    ],
)
@pytest.mark.parametrize("what", ["labels", "annotations"])
def test_labels_and_annotations_pass_when_one_is_added_changed_or_removed(
    what: str, old: dict[str, str], new: dict[str, str] | None, passes: bool
) -> None:
    other = {"labels": "annotations", "annotations": "labels"}[what]
    by = {"labels": predicates.labels_changed, "annotations": predicates.annotations_changed}
    change = updated(stored(**{what: old}), stored(**{what: new}))
    assert by[what](change) is passes
    assert not by[other](change)


def test_resource_version_passes_when_it_changed() -> None:
    assert predicates.resource_version_changed(updated(stored(resourceVersion="1"), stored(resourceVersion="2")))
    assert predicates.resource_version_changed(updated(stored(), stored(resourceVersion="2")))
    assert not predicates.resource_version_changed(updated(stored(resourceVersion="2"), stored(resourceVersion="2")))


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        (None, None, False),
        (None, {}, True),
        ({"a": 1}, {"a": 1}, False),
        ({"a": 1, "b": [1]}, {"b": [1], "a": 1}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2, 1]}}, True),
    ],
)
def test_status_passes_when_the_status_changed(old: Any, new: Any, passes: bool) -> None:
    change = updated(stored(status=old, generation=1), stored(status=new, generation=2))
    assert predicates.status_changed(change) is passes


def test_created_updated_and_deleted_tell_changes_apart() -> None:
    changes = [added(stored()), updated(stored(), stored()), deleted(stored())]
    for number, predicate in enumerate((predicates.created, predicates.updated, predicates.deleted)):
        assert [predicate(change) for change in changes] == [number == at for at in range(3)]


@pytest.mark.parametrize(
    ("predicate", "passes"),
    [
        (YES & YES, True),
        (YES & NO, False),
        (NO & YES, False),
        (YES | NO, True),
        (NO | YES, True),
        (NO | NO, False),
        (~YES, False),
        (~NO, True),
        (YES & ~NO & (NO | YES), True),
        (YES & (lambda change: False), False),
        (NO | (lambda change: True), True),
    ],
)
def test_predicates_combine_with_and_or_and_not(predicate: Predicate, passes: bool) -> None:
    assert predicate(ANY) is passes


def test_and_and_or_ask_no_more_than_they_must() -> None:
    def never(change: Change) -> bool:
        raise AssertionError("asked")

    assert not (NO & never)(ANY)
    assert (YES | never)(ANY)


def test_head_matches_asks_about_the_new_state_and_of_deleted_objects_about_the_last() -> None:
    def in_team_a(head: ObjectHead) -> bool:
        return head.namespace == "shop" and head.labels.get("team") == "a"

    predicate = head_matches(in_team_a)
    mine, foreign = stored(labels={"team": "a"}), stored(labels={"team": "b"})
    assert predicate(added(mine))
    assert not predicate(added(foreign))
    assert predicate(updated(foreign, mine))
    assert not predicate(updated(mine, foreign))
    assert predicate(deleted(mine))
    assert not predicate(deleted(foreign))


def config(kind: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "c", "namespace": "shop", **metadata}}


def owner_of(server: Server) -> dict[str, Any]:
    uid = server.objects["widgets", "shop", "a"]["metadata"]["uid"]
    return {"apiVersion": "example.dev/v1", "kind": "Widget", "name": "a", "uid": uid, "controller": True}


@pytest.mark.virtual_time
async def test_predicates_apply_to_their_own_watch_and_to_no_other() -> None:
    server, keys = Server(), Keys()
    server.put("widgets", widget("a"))

    def to_widget(head: ObjectHead) -> list[Request]:
        return [Request("shop", "a")]

    manager = manager_of(
        server,
        keys,
        predicates=[predicates.generation_changed],
        owns=[Owns(ConfigMap, predicates=[predicates.labels_changed])],
        watches=[Watch(Secret, to=to_widget, predicates=[predicates.annotations_changed])],
    )

    async def calls(do: Callable[[], object]) -> int:
        before = len(keys.calls)
        do()
        await asyncio.sleep(1)
        return len(keys.calls) - before

    async with manager.running():
        await asyncio.sleep(1)
        owners = [owner_of(server)]
        assert await calls(lambda: server.put("configmaps", config("ConfigMap", ownerReferences=owners))) == 1
        assert await calls(lambda: server.put("secrets", config("Secret"))) == 1
        labelled = {"labels": {"x": "y"}}
        live = server.objects["widgets", "shop", "a"]
        assert await calls(lambda: server.put("widgets", {**live, "metadata": {**live["metadata"], **labelled}})) == 0
        assert (
            await calls(lambda: server.put("configmaps", config("ConfigMap", ownerReferences=owners, **labelled))) == 1
        )
        assert await calls(lambda: server.put("secrets", config("Secret", **labelled))) == 0
        assert await calls(lambda: server.put("secrets", config("Secret", annotations={"x": "y"}, **labelled))) == 1


@pytest.mark.virtual_time
async def test_all_predicates_of_a_watch_must_let_a_change_through() -> None:
    server, keys = Server(), Keys()
    server.put("widgets", widget("a"))
    server.put("widgets", widget("b"))
    wanted = [head_matches(lambda head: head.name == "a"), predicates.created]
    async with manager_of(server, keys, predicates=wanted).running():
        await asyncio.sleep(1)
        server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 9}})
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a"]
