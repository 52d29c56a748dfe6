"""Wrong requests get an answer that names the field and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import Catalog, ParameterError, TargetError, UnknownAction
from kubernaut.actions.builtin import ApplyManifestParameters

CATALOG = Catalog.builtin()


@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("scale-deployment", {"replicas": 101}, "parameters.replicas: must be between 0 and 100, got 101"),
        ("scale-deployment", {"replicas": -1}, "parameters.replicas: must be between 0 and 100, got -1"),
        ("scale-deployment", {"replicas": "two"}, 'parameters.replicas: must be an integer, got the string "two"'),
        ("scale-deployment", {"replicas": "5"}, 'parameters.replicas: must be an integer, got the string "5"'),
        ("scale-deployment", {"replicas": True}, "parameters.replicas: must be an integer, got true"),
        ("scale-deployment", {"replicas": 2.5}, "parameters.replicas: must be an integer, got 2.5"),
        ("scale-deployment", {"replicas": None}, "parameters.replicas: must be an integer, got null"),
        ("scale-deployment", {}, "parameters.replicas: is required by scale-deployment"),
        (
            "scale-deployment",
            {"replicas": 5, "foo": 1},
            "parameters.foo: unknown parameter; scale-deployment takes: replicas",
        ),
        (
            "restart-pod",
            {"gracePeriodSeconds": 301},
            "parameters.gracePeriodSeconds: must be between 0 and 300, got 301",
        ),
        ("rollback-deployment", {"toRevision": 0}, "parameters.toRevision: must be between 1 and 2147483647, got 0"),
        ("drain-node", {"force": "yes"}, 'parameters.force: must be true or false, got the string "yes"'),
        ("drain-node", {"force": 1}, "parameters.force: must be true or false, got 1"),
        ("collect-logs", {"tailLines": 2001}, "parameters.tailLines: must be between 1 and 2000, got 2001"),
        (
            "update-image",
            {"container": "a", "image": "web:1 --flag"},
            'parameters.image: is not the name of an image, got the string "web:1 --flag"',
        ),
        ("update-image", {"container": "a"}, "parameters.image: is required by update-image"),
        (
            "delete-resource",
            {"propagation": "all"},
            "parameters.propagation: must be one of 'background', 'foreground' or 'orphan', got the string \"all\"",
        ),
        ("apply-manifest", {"manifest": "a: ["}, "parameters.manifest: is not YAML: line 1: "),
        (
            "apply-manifest",
            {"manifest": "[]"},
            "parameters.manifest: must be an object with apiVersion, kind and metadata",
        ),
        ("apply-manifest", {"manifest": "{kind: A}"}, "parameters.manifest: apiVersion is missing"),
        (
            "apply-manifest",
            {"manifest": "{apiVersion: v1, kind: List, items: []}"},
            "parameters.manifest: metadata.name",
        ),
        (
            "apply-manifest",
            {"manifest": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, uid: b}}"},
            "parameters.manifest: metadata.uid must be left out",
        ),
        (
            "apply-manifest",
            {"manifest": "x" * 65537},
            "parameters.manifest: must have at most 65536 characters, got 65537",
        ),
        ("apply-manifest", {"manifest": "a: &a [1]\nb: *a"}, "parameters.manifest: YAML aliases are not taken"),
        ("apply-manifest", {"manifest": "a: 1\n---\nb: 1"}, "parameters.manifest: must hold one document, has 2"),
        (
            "patch-resource",
            {"patch": "[]"},
            "parameters.patch: must be an object with the fields to change, in a merge",
        ),
        (
            "patch-resource",
            {"patch": "{}", "type": "json"},
            "parameters.patch: must be a list of operations, in a json",
        ),
        (
            "patch-resource",
            {"patch": "[{op: drop, path: /spec}]", "type": "json"},
            "parameters.patch: operation 0: op must be one of add, remove, replace, move, copy, test",
        ),
        (
            "patch-resource",
            {"patch": "[{op: remove, path: spec}]", "type": "json"},
            "parameters.patch: operation 0: path must be a JSON pointer such as /spec/replicas",
        ),
        ("patch-resource", {"patch": "status: {replicas: 1}"}, "parameters.patch: cannot change status"),
        ("patch-resource", {"patch": "kind: Secret"}, "parameters.patch: cannot change kind"),
        (
            "patch-resource",
            {"patch": "metadata: {name: x}"},
            "parameters.patch: can change only labels and annotations",
        ),
        (
            "patch-resource",
            {"patch": "[{op: replace, path: /metadata, value: {}}]", "type": "json"},
            "parameters.patch: can change only labels and annotations",
        ),
        ("patch-resource", {"patch": "{$patch: replace}"}, "parameters.patch: cannot change the object as a whole"),
        ("patch-resource", {"type": "patch", "patch": "{}"}, "parameters.type: must be one of 'merge', 'strategic' or"),
        ("cordon-node", {"x": 1}, "parameters.x: unknown parameter; cordon-node takes: no parameters"),
        ("cordon-node", [], "parameters: must be an object, got a list"),
    ],
)
def test_wrong_parameters(action: str, parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        CATALOG.parse(action, parameters)
    assert str(caught.value).startswith(message)


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(ParameterError) as caught:
        CATALOG.parse("scale-deployment", {"replicas": "two", "foo": 1})
    assert [field for field, _ in caught.value.errors] == ["parameters.replicas", "parameters.foo"]


@pytest.mark.parametrize("replicas", [0, 5, 100])
def test_zero_and_the_bounds_are_legal(replicas: int) -> None:
    assert CATALOG.parse("scale-deployment", {"replicas": replicas}).to_dict() == {"replicas": replicas}


def test_defaults_are_filled_in() -> None:
    assert CATALOG.parse("restart-pod", None).to_dict() == {"gracePeriodSeconds": 30}


@pytest.mark.parametrize("given", [True, "true"])
def test_a_boolean_may_be_text_because_a_spec_holds_integers_and_strings_only(given: Any) -> None:
    parameters = {"deleteEmptydirData": given, "force": "false"}
    assert CATALOG.parse("drain-node", parameters).to_dict() == {"deleteEmptydirData": True, "force": False}


@pytest.mark.parametrize(
    "image",
    ["web", "web:1", "registry.example:5000/team/web:1.2-rc_3", "web@sha256:" + "a" * 64, "a/b:1@sha256:" + "0" * 64],
)
def test_names_of_images_as_they_come(image: str) -> None:
    assert CATALOG.parse("update-image", {"container": "a", "image": image}).to_dict()["image"] == image


@pytest.mark.parametrize(
    "image", ["", "-web", "web:", "web:1:2", "/web", "web;rm", "web@sha256:abc", "WEB ", "a" * 513]
)
def test_what_is_no_image(image: str) -> None:
    with pytest.raises(ParameterError, match=r"parameters\.image"):
        CATALOG.parse("update-image", {"container": "a", "image": image})


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {day: 2024-01-01, on: x}}"
    parsed = CATALOG.parse("apply-manifest", {"manifest": text})
    assert isinstance(parsed, ApplyManifestParameters)
    assert parsed.document()["data"] == {"day": "2024-01-01", "true": "x"}


@pytest.mark.parametrize("action", CATALOG.names())
def test_every_action_has_a_schema_with_a_description_for_each_parameter(action: str) -> None:
    schema = CATALOG.get(action).parameters.model_json_schema()
    assert schema["additionalProperties"] is False
    assert all(each.get("description") for each in schema.get("properties", {}).values())


def test_an_unknown_action_names_the_nearest() -> None:
    with pytest.raises(UnknownAction) as caught:
        CATALOG.get("scale-deploymnt")
    assert str(caught.value) == (
        f'unknown action "scale-deploymnt"; did you mean "scale-deployment"? known: {", ".join(CATALOG.names())}'
    )


@pytest.mark.parametrize(
    ("action", "target", "field"),
    [
        ("scale-deployment", {"kind": "Pod", "namespace": "a", "name": "b"}, "target.kind"),
        ("scale-deployment", {"kind": "Deployment", "name": "b"}, "target.namespace"),
        ("scale-deployment", {"kind": "Deployment", "namespace": "a"}, "target.name"),
        ("scale-deployment", {"kind": "Deployment", "namespace": "a", "name": "--all"}, "target.name"),
        (
            "scale-deployment",
            {"apiVersion": "apps/v2", "kind": "Deployment", "namespace": "a", "name": "b"},
            "target.apiVersion",
        ),
        ("cordon-node", {"kind": "Node", "namespace": "a", "name": "b"}, "target.namespace"),
        ("cordon-node", {"kind": "Node", "name": "b", "uid": "c"}, "target.uid"),
    ],
)
def test_wrong_targets(action: str, target: dict[str, str], field: str) -> None:
    with pytest.raises(TargetError) as caught:
        CATALOG.resolve_target(action, target)
    assert caught.value.field == field


def test_the_api_version_may_be_left_out() -> None:
    target = CATALOG.resolve_target("scale-deployment", {"kind": "Deployment", "namespace": "a", "name": "b"})
    assert target.api_version == "apps/v1"


@pytest.mark.parametrize(
    ("action", "target", "place"),
    [
        ("scale-deployment", {"kind": "Deployment", "namespace": "shop", "name": "web"}, "shop"),
        ("apply-manifest", {"kind": "Namespace", "name": "shop"}, "shop"),
        ("cordon-node", {"kind": "Node", "name": "shop"}, None),
    ],
)
def test_a_target_lies_in_a_namespace_is_one_or_neither(action: str, target: dict[str, str], place: str | None) -> None:
    assert CATALOG.resolve_target(action, target).place == place
