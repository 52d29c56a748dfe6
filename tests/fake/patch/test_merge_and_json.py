"""Merge patch and JSON patch: the RFCs' properties and the server's errors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubernaut.fake.apiserver.patch import PatchError, json_patch, merge_patch, merge_patch_object

SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "é"])
JSON = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3)
)
DOCS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def nulls(value: Any) -> bool:
    return isinstance(value, dict) and any(item is None or nulls(item) for item in value.values())


@given(DOCS, DOCS)
def test_a_merge_patch_is_idempotent_and_leaves_its_arguments_alone(doc: Any, patch: Any) -> None:
    before = copy.deepcopy((doc, patch))
    once = merge_patch(doc, patch)
    assert merge_patch(once, patch) == once
    assert (doc, patch) == before


@given(DOCS, DOCS)
def test_a_patch_from_nothing_holds_no_nulls_and_an_empty_one_changes_nothing(doc: Any, patch: Any) -> None:
    assert not nulls(merge_patch({}, patch))
    assert merge_patch(doc, {}) == doc


def test_a_merge_patch_must_be_a_map() -> None:
    with pytest.raises(PatchError) as caught:
        merge_patch_object({}, ["a"])
    assert caught.value.code == 400


@given(DOCS, SCALARS)
def test_json_patch_adds_what_it_then_finds(doc: Any, value: Any) -> None:
    before = copy.deepcopy(doc)
    changed = json_patch(
        doc, [{"op": "add", "path": "/x", "value": value}, {"op": "test", "path": "/x", "value": value}]
    )
    assert doc == before
    assert json_patch(changed, [{"op": "remove", "path": "/x"}]) == doc


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"op": "test", "path": "/data/a", "value": "c"}, "testing value /data/a failed: test failed"),
        ({"op": "test", "path": "/data/a", "value": True}, "test failed"),
        ({"op": "remove", "path": "/data/z"}, "Unable to remove nonexistent key: z"),
        ({"op": "replace", "path": "/data/z", "value": 1}, "replace operation does not apply"),
        ({"op": "add", "path": "/none/z", "value": 1}, "add operation does not apply"),
        ({"op": "move", "from": "/none", "path": "/x"}, "error in move"),
        ({"op": "twist", "path": "/x"}, "Unexpected kind: twist"),
    ],
)
def test_what_does_not_fit_is_a_422_in_the_servers_words(operation: dict[str, Any], words: str) -> None:
    with pytest.raises(PatchError) as caught:
        json_patch({"data": {"a": 1}}, [operation])
    error = caught.value
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message == "the server rejected our request due to an error in our request"
    assert words in error.server_message


def test_what_is_no_json_patch_is_a_400_and_too_much_a_413() -> None:
    for patch, code in (({"op": "add"}, 400), ([{"op": "test", "path": ""}] * 10001, 413)):
        with pytest.raises(PatchError) as caught:
            json_patch({}, patch)
        assert caught.value.code == code
