"""The store and its indexes: what they find, and which changes they answer."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from kubernaut.client import ObjectHead
from kubernaut.reconcile import Request, Store
from kubernaut.reconcile.store import Decoded
from tests.reconcile.informer.objects import names, put, request, settled, stored
from tests.reconcile.widgets import Widget


def by_size(widget: Widget) -> Iterable[str]:
    return [str(widget.spec.size)]


def listed(widget: Any) -> Iterable[str]:
    """The values that a widget's `tags` list, separated by commas."""
    text = (widget.spec.model_extra or {}).get("tags", "")
    return str(text).split(",")


def test_objects_are_added_changed_and_removed() -> None:
    store = Store()
    assert put(store, stored("a", 1)) == ["ADDED a"]
    assert put(store, stored("a", 2)) == ["MODIFIED a"]
    assert put(store, stored("b", 3, namespace="other")) == ["ADDED b"]
    assert len(store) == 2
    assert request("a") in store
    assert request("a", "other") not in store
    assert settled(store, store.remove(request("a"))) == ["DELETED a"]
    assert store.get(request("a")) is None
    assert store.get(request("b", "other")) is not None
    assert len(store) == 1


def test_the_same_version_again_is_no_change() -> None:
    store = Store()
    put(store, stored("a", 1))
    assert put(store, stored("a", 1)) == []
    assert put(store, stored("a", 1, size=2)) == [], "other bytes of the same version: another encoding of one state"


def test_another_uid_is_a_deletion_and_an_addition() -> None:
    store = Store()
    put(store, stored("a", 1, uid="one"))
    changes = store.put(stored("a", 2, uid="two"))
    assert settled(store, changes) == ["DELETED a!", "ADDED a"]
    assert [change.new.head.uid for change in changes] == ["one", "two"]
    assert len(store) == 1


def test_removing_what_is_not_there_is_no_change() -> None:
    assert Store().remove(request("a")) == []


def test_a_change_tells_old_and_new() -> None:
    store = Store()
    first, second = stored("a", 1), stored("a", 2)
    put(store, first)
    (change,) = store.put(second)
    assert (change.old, change.new) == (first, second)
    last = stored("a", 3)
    (change,) = store.remove(request("a"), last)
    assert (change.old, change.new) == (second, last)


def test_cluster_scoped_objects_have_no_namespace() -> None:
    store = Store()
    put(store, stored("a", namespace=None))
    assert [key for key, _ in store.items()] == [Request(None, "a")]
    assert names(store.select()) == ["a"]


def test_objects_are_selected_by_namespace() -> None:
    store = Store()
    for name, namespace in (("a", "x"), ("b", "y"), ("c", "x")):
        put(store, stored(name, namespace=namespace))
    assert names(store.select(namespace="x")) == ["a", "c"]
    assert names(store.select(namespace="z")) == []
    store.remove(request("b", "y"))
    assert names(store.select(namespace="y")) == []
    assert sorted(names(store.select())) == ["a", "c"]


def test_objects_are_selected_by_labels() -> None:
    store = Store()
    put(store, stored("a", labels={"tier": "web"}))
    put(store, stored("b", labels={"tier": "db"}))
    put(store, stored("c"))
    assert names(store.select(matches=lambda labels: labels.get("tier") == "web")) == ["a"]
    assert names(store.select(matches=lambda labels: "tier" not in labels)) == ["c"]
    put(store, stored("a", 2, labels={"tier": "db"}))
    assert names(store.select(matches=lambda labels: labels.get("tier") == "db")) == ["a", "b"]


def test_what_is_read_is_the_readers_own() -> None:
    store = Store()
    put(store, stored("a", size=1))
    found = Decoded(Widget, store.select())
    found[0].spec.size = 99
    assert found[0].spec.size == 1
    assert [widget.spec.size for widget in found] == [1]
    assert [head.name for head in found.heads] == ["a"]
    assert len(found[:5]) == 1


def test_an_object_at_rest_still_tells_its_metadata() -> None:
    store = Store()
    one = stored("a", 7, labels={"x": "y", "z": ""})
    put(store, one)
    assert one.labels == {"x": "y", "z": ""}
    assert one.head.labels == {"x": "y", "z": ""}
    assert (one.head.uid, one.head.resource_version) == ("uid-a", "7")


def test_the_bytes_of_all_objects_are_counted() -> None:
    store = Store()
    for version, size in ((1, 1), (2, 1000), (3, 5)):
        put(store, stored("a", version, size=size))
        put(store, stored("b", version + 5, uid=f"u{version}"))
        assert store.nbytes == sum(one.nbytes for one in store.select())
    store.remove(request("a"))
    store.remove(request("b"))
    assert store.nbytes == 0


def test_an_index_finds_by_exact_match() -> None:
    store = Store()
    store.add_index("size", Widget, by_size)
    put(store, stored("a", size=1))
    put(store, stored("b", size=10))
    assert names(store.select(index=("size", "1"))) == ["a"]
    assert names(store.select(index=("size", "2"))) == []


def test_an_index_that_is_added_late_finds_what_is_there() -> None:
    store = Store()
    put(store, stored("a", size=1))
    store.add_index("size", Widget, by_size)
    assert names(store.select(index=("size", "1"))) == ["a"]


def test_an_index_follows_changes_of_several_values() -> None:
    store = Store()
    store.add_index("tags", Widget, listed)

    def found() -> dict[str, list[str]]:
        return {tag: names(store.select(index=("tags", tag))) for tag in ("foo", "bar", "baz")}

    for name, tags, expected in (
        ("one", "foo", {"foo": ["one"], "bar": [], "baz": []}),
        ("two", "bar", {"foo": ["one"], "bar": ["two"], "baz": []}),
        ("two", "foo,bar", {"foo": ["one", "two"], "bar": ["two"], "baz": []}),
        ("one", "bar,foo,foo", {"foo": ["two", "one"], "bar": ["two", "one"], "baz": []}),
        ("three", "foo,bar,baz", {"foo": ["two", "one", "three"], "bar": ["two", "one", "three"], "baz": ["three"]}),
        ("one", "foo", {"foo": ["two", "three", "one"], "bar": ["two", "three"], "baz": ["three"]}),
        ("two", "bar", {"foo": ["three", "one"], "bar": ["three", "two"], "baz": ["three"]}),
    ):
        put(store, stored(name, len(str(expected)) + hash_free(name, tags), tags=tags))
        assert found() == expected
    store.remove(request("three"))
    assert found() == {"foo": ["one"], "bar": ["two"], "baz": []}
    store.remove(request("two"))
    assert found() == {"foo": ["one"], "bar": [], "baz": []}


def hash_free(name: str, tags: str) -> int:
    """A version that differs between the steps."""
    return sum(name.encode()) * 1000 + sum(tags.encode())


def test_a_value_without_objects_takes_no_memory() -> None:
    store = Store()
    store.add_index("size", Widget, by_size)
    put(store, stored("keep", size=1))
    put(store, stored("go", size=1))
    store.remove(request("go"))
    index = store._indexes["size"]
    assert list(index._found) == ["1"]
    store.remove(request("keep"))
    assert (index._found, index._values) == ({}, {})


def test_an_index_can_be_narrowed_by_namespace_and_labels() -> None:
    store = Store()
    store.add_index("size", Widget, by_size)
    put(store, stored("a", namespace="x", labels={"t": "1"}, size=1))
    put(store, stored("b", namespace="y", labels={"t": "1"}, size=1))
    put(store, stored("c", namespace="y", size=1))
    assert names(store.select(index=("size", "1"), namespace="y")) == ["b", "c"]
    assert names(store.select(index=("size", "1"), namespace="y", matches=lambda labels: "t" in labels)) == ["b"]


def test_an_unknown_index_is_an_error_and_a_taken_name_too() -> None:
    store = Store()
    with pytest.raises(KeyError):
        store.select(index=("size", "1"))
    store.add_index("size", Widget, by_size)
    assert store.has_index("size")
    store.add_index("size", Widget, by_size)
    with pytest.raises(ValueError, match=r"by_size.*listed"):
        store.add_index("size", Widget, listed)


def test_an_object_that_an_index_function_fails_for_has_no_values(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()

    def picky(widget: Widget) -> Iterable[str]:
        if widget.spec.size == 13:
            raise KeyError("unlucky")
        return [str(widget.spec.size)]

    store.add_index("size", Widget, picky)
    with caplog.at_level(logging.WARNING):
        assert put(store, stored("a", 1, size=1)) == ["ADDED a"]
        assert put(store, stored("a", 2, size=13)) == ["MODIFIED a"]
    assert names(store.select(index=("size", "1"))) == []
    assert store._indexes["size"].failures == 1
    assert "unlucky" in caplog.text
    put(store, stored("a", 3, size=4))
    assert names(store.select(index=("size", "4"))) == ["a"]


def test_an_object_that_does_not_fit_the_model_has_no_values() -> None:
    store = Store()
    store.add_index("size", Widget, by_size)
    put(store, stored("a", size="huge"))
    assert names(store.select()) == ["a"]
    assert store._indexes["size"].failures == 1


def test_an_index_on_metadata_alone_is_given_the_head() -> None:
    store = Store(heads=True)

    def by_label(head: ObjectHead) -> Iterable[str]:
        return head.labels.values()

    store.add_index("label", Widget, by_label)
    put(store, stored("a", labels={"x": "y"}))
    assert names(store.select(index=("label", "y"))) == ["a"]


def test_a_sweep_removes_what_the_list_did_not_hold_one_by_one() -> None:
    store = Store()
    for name in "abcd":
        put(store, stored(name, 1), mark=1)
    put(store, stored("b", 1), mark=2)
    put(store, stored("c", 2), mark=2)
    sizes = []
    told = []
    for changes in store.sweep(2):
        told += settled(store, changes)
        sizes.append(len(store))
    assert told == ["DELETED a!", "DELETED d!"]
    assert sizes == [3, 2]


def test_a_sweep_without_a_mark_removes_everything() -> None:
    store = Store()
    for name in "ab":
        put(store, stored(name, 1), mark=1)
    assert [settled(store, changes) for changes in store.sweep()] == [["DELETED a!"], ["DELETED b!"]]
    assert (len(store), store.items()) == (0, [])
    assert store._objects == {}, "a namespace without objects takes no memory"


@pytest.mark.parametrize("values", ["red", [1], None])
def test_an_index_function_that_returns_no_list_of_texts_is_said_to_once(
    values: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    store.add_index("bad", Widget, lambda one: values)
    for name in "ab":
        store.put(stored(name))
    assert store.select(index=("bad", "r")) == []
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "must return a list of str" in record.getMessage()
    assert repr(values[0] if isinstance(values, list) else values) in record.getMessage()
