"""Strategic merge patch on built-in kinds: merge keys and directives."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubernaut.fake.apiserver.patch import PatchError, builtin_type, strategic_merge

DEPLOYMENTS = builtin_type("apps/v1", "Deployment")


def pods(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers), **spec}}}}


def merged(doc: dict[str, Any], patch: dict[str, Any]) -> Any:
    assert DEPLOYMENTS is not None
    before = copy.deepcopy((doc, patch))
    result = strategic_merge(doc, patch, DEPLOYMENTS)
    assert (doc, patch) == before
    return result


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


LIVE = pods({"name": "one", "env": env(A="a", B="b")}, {"name": "two"}, tolerations=[{"key": "k"}])


def test_lists_merge_by_their_keys_and_others_are_replaced() -> None:
    patch = pods({"name": "one", "env": env(B="c", C="c")}, tolerations=[{"key": "z"}])
    spec = merged(LIVE, patch)["spec"]["template"]["spec"]
    assert spec["containers"] == [{"name": "one", "env": env(A="a", B="c", C="c")}, {"name": "two"}]
    assert spec["tolerations"] == [{"key": "z"}]


def test_items_are_deleted_and_lists_replaced_by_directive() -> None:
    patch = pods({"name": "two", "$patch": "delete"}, {"name": "one", "env": [{"name": "A", "$patch": "delete"}]})
    assert merged(LIVE, patch)["spec"]["template"]["spec"]["containers"] == [{"name": "one", "env": env(B="b")}]
    patch = pods({"name": "new"}, {"$patch": "replace"})
    assert merged(LIVE, patch)["spec"]["template"]["spec"]["containers"] == [{"name": "new"}]


def test_an_order_may_be_set() -> None:
    order = {"$setElementOrder/containers": [{"name": "three"}, {"name": "one"}]}
    spec = merged(LIVE, pods({"name": "three"}, **order))["spec"]["template"]["spec"]
    assert [container["name"] for container in spec["containers"]] == ["three", "one", "two"]
    with pytest.raises(PatchError, match="doesn't match"):
        merged(LIVE, pods({"name": "two"}, {"name": "one"}, **order))


def test_only_retained_keys_stay() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert merged(live, patch) == {"spec": {"strategy": {"type": "Recreate"}}}
    with pytest.raises(PatchError, match="retainKeys"):
        merged(live, {"spec": {"strategy": {"$retainKeys": [], "type": "Recreate"}}})


def test_primitives_merge_and_are_deleted_from_lists() -> None:
    live = {"metadata": {"finalizers": ["a", "b"]}}
    assert merged(live, {"metadata": {"finalizers": ["c", "a"]}})["metadata"]["finalizers"] == ["c", "a", "b"]
    assert merged(live, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}) == {
        "metadata": {"finalizers": ["b"]}
    }


def test_maps_replace_delete_and_drop_directives_that_meet_nothing() -> None:
    live = {"metadata": {"labels": {"a": "b"}}}
    assert merged(live, {"metadata": {"labels": {"$patch": "replace", "c": "d"}}})["metadata"]["labels"] == {"c": "d"}
    assert merged({"metadata": {}}, {"metadata": {"labels": {"$patch": "replace", "c": "d"}}}) == {"metadata": {}}
    assert merged(live, {"metadata": {"labels": {"a": None}}}) == {"metadata": {"labels": {}}}


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (pods({"image": "i"}), "does not contain declared merge key: name"),
        (pods({"name": "one", "$patch": "twist"}), "unknown patch type: twist"),
        ({"spec": {"$patch": "twist"}}, "unknown patch type: twist"),
    ],
)
def test_malformed_patches(patch: dict[str, Any], words: str) -> None:
    with pytest.raises(PatchError, match=words):
        merged(LIVE, patch)
