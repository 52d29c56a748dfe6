"""JSON Patches are right, small, and leave alone what a model does not know."""

from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from kubernaut.reconcile.webhooks.jsonpatch import carry_over, diff, same
from kubernaut.resources import Model, Resource, Time
from kubernaut.resources.model import applied

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b/c", "d~e"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "", "0"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(old=JSON, new=JSON)
def test_a_patch_makes_the_new_of_the_old(old: Any, new: Any) -> None:
    result = jsonpatch.apply_patch(old, diff(old, new)) if diff(old, new) else old
    assert same(result, new)


@given(old=JSON, new=JSON)
def test_what_is_carried_over_to_the_same_document_is_the_new_one(old: Any, new: Any) -> None:
    assert same(carry_over(old, new, old), new)


@given(old=JSON, raw=JSON)
def test_without_a_change_a_document_stays_as_it_is(old: Any, raw: Any) -> None:
    assert carry_over(old, old, raw) is raw


class Part(Model):
    name: str = ""
    size: int = 1
    note: str | None = None


class Spec(Model):
    size: int = 1
    at: Time | None = None
    tags: set[str] = Field(default_factory=set)
    names: list[str] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    by_name: dict[str, Part] = Field(default_factory=dict)


class Thing(Resource, group="example.dev", version="v1", crd=False):
    spec: Spec = Spec()


NAMES = st.sampled_from(["a", "b", "c"])
PARTS = st.fixed_dictionaries({}, optional={"name": NAMES, "size": st.integers(0, 2), "note": NAMES, "own": JSON})
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(0, 3),
        "at": st.sampled_from(["2024-01-01T00:00:00Z", "2024-01-01T01:00:00.5+01:00"]),
        "tags": st.lists(NAMES, unique=True),
        "names": st.lists(NAMES, max_size=4),
        "parts": st.lists(PARTS, max_size=4),
        "byName": st.dictionaries(NAMES, PARTS, max_size=3),
        "unknown": JSON,
    },
)


@given(raw=SPECS, wanted=SPECS)
def test_what_a_handler_makes_of_an_object_is_what_the_server_gets(raw: Any, wanted: Any) -> None:
    document = {"metadata": {"name": "t"}, "spec": raw, "extra": [None]}
    thing = Thing.from_dict(document)
    before = applied(thing)
    thing.spec = Spec.from_dict(wanted)
    result = carry_over(before, applied(thing), document)
    assert same(applied(Thing.from_dict(result))["spec"], applied(thing)["spec"])
    assert same(jsonpatch.apply_patch(document, diff(document, result)), result)
    assert result["extra"] == [None]


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": 1}, [{"op": "add", "path": "/a", "value": 1}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({"a": 1}, {"a": 2}, [{"op": "replace", "path": "/a", "value": 2}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [{"op": "replace", "path": "/a/b", "value": 2}]),
        ({"a/b~c": 1}, {"a/b~c": 2}, [{"op": "replace", "path": "/a~1b~0c", "value": 2}]),
        ([1, 2, 3], [1, 3], [{"op": "remove", "path": "/1"}]),
        ([1, 3], [1, 2, 3], [{"op": "add", "path": "/1", "value": 2}]),
        ([1, 2, 3, 4], [4], [{"op": "remove", "path": f"/{at}"} for at in (2, 1, 0)]),
        ([{"a": 1}, {"b": 1}], [{"a": 1}, {"b": 2}], [{"op": "replace", "path": "/1/b", "value": 2}]),
        ({"a": [1]}, {"a": {"b": 1}}, [{"op": "replace", "path": "/a", "value": {"b": 1}}]),
        ({"a": None}, {"a": 1}, [{"op": "replace", "path": "/a", "value": 1}]),
        ([], [1, 2], [{"op": "add", "path": "/0", "value": 1}, {"op": "add", "path": "/1", "value": 2}]),
    ],
)
def test_a_patch_names_only_what_differs(old: Any, new: Any, operations: Any) -> None:
    assert diff(old, new) == operations


@pytest.mark.parametrize(
    ("old", "new", "raw", "result"),
    [
        # a field the model does not know stays, in maps and in lists
        ({"a": 1}, {"a": 2}, {"a": 1, "x": 9}, {"a": 2, "x": 9}),
        ({"l": [{"a": 1}]}, {"l": [{"a": 2}]}, {"l": [{"a": 1, "x": 9}]}, {"l": [{"a": 2, "x": 9}]}),
        # a value that the model writes in another way stays as it was
        ({"a": "1s", "b": 1}, {"a": "1s", "b": 2}, {"a": "1000ms", "b": 1}, {"a": "1000ms", "b": 2}),
        # a default that only the model has is not added with its neighbours
        ({"s": {"d": 1}}, {"s": {"d": 1, "a": 2}}, {}, {"s": {"a": 2}}),
        ({"s": {"d": 1}}, {"s": {"d": 1, "a": 2}}, {"s": None}, {"s": {"a": 2}}),
        # a removed field goes
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 1, "x": 1}, {"b": 1, "x": 1}),
        # items keep what is theirs when others come, go or move
        (
            [{"name": "a"}, {"name": "b"}],
            [{"name": "b", "n": 1}],
            [{"name": "a", "x": 1}, {"name": "b", "x": 2}],
            [{"name": "b", "x": 2, "n": 1}],
        ),
        (
            [{"name": "a"}, {"name": "b"}],
            [{"name": "b"}, {"name": "a"}],
            [{"name": "a", "x": 1}, {"name": "b", "x": 2}],
            [{"name": "b", "x": 2}, {"name": "a", "x": 1}],
        ),
        ([{"a": 1}], [{"a": 0}, {"a": 1}], [{"a": 1, "x": 1}], [{"a": 0}, {"a": 1, "x": 1}]),
        # a list that the model made another of is replaced, such as a set, which it sorts
        ([1], [2], [1, 1], [2]),
        (["a", "b"], ["b"], ["b", "a"], ["b"]),
        ([{"a": 1}], [{"a": 2}], [[1]], [{"a": 2}]),
    ],
)
def test_only_changes_are_carried_over(old: Any, new: Any, raw: Any, result: Any) -> None:
    assert carry_over(old, new, raw) == result
