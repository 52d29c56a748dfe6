"""Server-side apply: ownership, conflicts, list types, and what other writes do to managedFields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubernaut.fake.apiserver.patch import (
    ApplyConflict,
    PatchError,
    builtin_type,
    crd_type,
    merge_patch,
    server_side_apply,
    track_update,
)

NOW = datetime(2024, 1, 1, tzinfo=UTC)
MAPS = builtin_type("v1", "ConfigMap")
DEPLOYMENTS = builtin_type("apps/v1", "Deployment")


def config(data: dict[str, str] | None, **metadata: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s", **metadata}}
    return body if data is None else {**body, "data": data}


def apply(live: dict[str, Any] | None, body: dict[str, Any], manager: str, **options: Any) -> dict[str, Any]:
    schema = MAPS if body["kind"] == "ConfigMap" else DEPLOYMENTS
    return server_side_apply(live, body, manager=manager, now=NOW, schema=schema, **options)[0]


def owned(obj: dict[str, Any]) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"]["managedFields"]}


def test_owners_share_conflict_take_over_and_give_up() -> None:
    live = apply(None, config({"x": "1", "y": "1"}, labels={"a": "1"}), "one")
    assert owned(live) == {"one": {"f:data": {"f:x": {}, "f:y": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}}
    with pytest.raises(ApplyConflict) as caught:
        apply(live, config({"x": "2", "z": "2"}), "two")
    assert str(caught.value) == 'Apply failed with 1 conflict: conflict with "one": .data.x'
    assert caught.value.causes[0].to_dict() == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "one"',
        "field": ".data.x",
    }
    live = apply(live, config({"x": "1", "z": "2"}), "two")
    live = apply(live, config({"x": "3", "z": "2"}), "two", force=True)
    assert owned(live)["one"] == {"f:data": {"f:y": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}
    live = apply(live, config({}), "one")
    assert live["data"] == {"x": "3", "z": "2"}
    assert "labels" not in live["metadata"]
    assert owned(live)["one"] == {"f:data": {}}


def test_an_updater_takes_fields_and_applying_them_again_conflicts() -> None:
    live = apply(None, config({"x": "1", "z": "2"}), "two")
    new = merge_patch(live, {"data": {"z": "hand"}})
    new["metadata"]["managedFields"] = track_update(live, new, "hand", now=NOW, schema=MAPS)
    assert owned(new) == {"two": {"f:data": {"f:x": {}}}, "hand": {"f:data": {"f:z": {}}}}
    with pytest.raises(ApplyConflict, match=r'conflict with "hand" using v1: \.data\.z'):
        apply(new, config({"x": "1", "z": "2"}), "two")


def test_several_conflicts_are_listed_by_manager() -> None:
    live = apply(None, config({"x": "1", "y": "1"}), "one")
    with pytest.raises(ApplyConflict) as caught:
        apply(live, config({"x": "2", "y": "2"}), "two")
    assert caught.value.message == 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\n- .data.y'


def test_applying_the_same_again_changes_nothing_not_even_the_time() -> None:
    live = apply(None, config({"x": "1"}), "one")
    later = NOW + timedelta(hours=1)
    again, entries = server_side_apply(live, config({"x": "1"}), manager="one", now=later, schema=MAPS)
    assert again == live
    assert entries[0]["time"] == "2024-01-01T00:00:00Z"


def test_an_untracked_object_belongs_to_before_first_apply() -> None:
    with pytest.raises(ApplyConflict, match=r'conflict with "before-first-apply" using v1: \.data\.x'):
        apply(config({"x": "1"}), config({"x": "2"}), "one")


@pytest.mark.parametrize(
    ("body", "manager", "code", "message"),
    [
        (config(None), "", 422, "fieldManager: Required value: is required for apply patch"),
        (config(None, managedFields=[{}]), "m", 400, "metadata.managedFields must be nil"),
        ({**config(None), "nosuch": 1}, "m", 500, "(/s; /v1, Kind=ConfigMap): .nosuch: field not declared in schema"),
        ({**config(None), "data": []}, "m", 500, ".data: expected object, got list"),
    ],
)
def test_what_the_server_refuses(body: dict[str, Any], manager: str, code: int, message: str) -> None:
    with pytest.raises(PatchError) as caught:
        apply(None, body, manager)
    assert caught.value.code == code
    assert message in caught.value.message


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": list(containers)}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def test_containers_are_a_map_and_a_ports_key_defaults_to_tcp() -> None:
    first = {"name": "one", "image": "i:1", "env": [{"name": "A", "value": "a"}], "ports": [{"containerPort": 80}]}
    live = apply(None, deployment(first, replicas=1), "one")
    fields = owned(live)["one"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"one"}']
    assert list(fields["f:ports"]) == ['k:{"containerPort":80,"protocol":"TCP"}']
    other: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    other["spec"] = {"template": {"spec": {"containers": [{"name": "two", "image": "j:1"}]}}}
    live = apply(live, other, "two")
    live = apply(live, deployment({"name": "one", "image": "i:2"}), "one")
    assert live["spec"]["template"]["spec"]["containers"] == [
        {"name": "one", "image": "i:2"},
        {"name": "two", "image": "j:1"},
    ]
    assert "replicas" not in live["spec"]


def test_status_is_ignored_in_the_main_endpoint_and_alone_counts_in_its_own() -> None:
    live = apply(None, {**deployment({"name": "one", "image": "i"}), "status": {"replicas": 1}}, "one")
    assert "f:status" not in owned(live)["one"]
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "status": {"replicas": 2}}
    live = apply(live, bare, "s", subresource="status", force=True)
    entry = next(entry for entry in live["metadata"]["managedFields"] if entry["manager"] == "s")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})


def test_a_set_keeps_the_items_of_others() -> None:
    names = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
    kind = crd_type({"type": "object", "properties": {"names": names}})
    body = {"apiVersion": "x.dev/v1", "kind": "Thing", "metadata": {"name": "t"}}
    live, _ = server_side_apply(None, {**body, "names": ["a", "b"]}, manager="one", now=NOW, schema=kind)
    live, _ = server_side_apply(live, {**body, "names": ["c", "b"]}, manager="two", now=NOW, schema=kind)
    live, entries = server_side_apply(live, {**body, "names": ["b"]}, manager="one", now=NOW, schema=kind)
    assert sorted(live["names"]) == ["b", "c"]
    assert {entry["manager"]: list(entry["fieldsV1"]["f:names"]) for entry in entries} == {
        "one": ['v:"b"'],
        "two": ['v:"b"', 'v:"c"'],
    }


def test_creation_by_update_owns_everything_but_what_the_server_sets() -> None:
    body = config({"a": "b"}, uid="u", generation=1)
    entries = track_update(None, body, "curl", now=NOW, schema=MAPS)
    assert [entry["fieldsV1"] for entry in entries] == [{"f:data": {".": {}, "f:a": {}}}]
    spec = track_update(None, deployment({"name": "c"}), "curl", now=NOW, schema=DEPLOYMENTS)[0]["fieldsV1"]["f:spec"]
    assert "." not in spec
    assert "." in spec["f:template"]["f:metadata"]["f:labels"]


def test_no_more_than_ten_updaters_are_kept_apart() -> None:
    live = config({"base": "0"})
    live["metadata"]["managedFields"] = track_update(None, live, "m0", now=NOW, schema=MAPS)
    for number in range(1, 13):
        new = merge_patch(live, {"data": {f"k{number}": "v"}})
        when = NOW + timedelta(seconds=number)
        new["metadata"]["managedFields"] = track_update(live, new, f"m{number}", now=when, schema=MAPS)
        live = new
    assert len(live["metadata"]["managedFields"]) == 10
    assert owned(live)["ancient-changes"]["f:data"].keys() >= {"f:base", "f:k1", "f:k2"}


def test_an_empty_list_of_managers_gives_tracking_up() -> None:
    live = apply(None, config({"x": "1"}), "one")
    assert track_update(live, config({"x": "2"}, managedFields=[]), "hand", now=NOW, schema=MAPS) == []
