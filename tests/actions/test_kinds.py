"""The allow-list of kinds: named one by one, sensitive ones only on purpose; rights are rendered from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubernaut.actions import (
    AllowedKinds,
    CaptureFailed,
    Catalog,
    TargetError,
    parse_kind,
    parse_parameters,
    rbac_manifests,
)
from kubernaut.actions.builtin.patching import inverse_patch
from kubernaut.actions.documents import recreatable
from kubernaut.resources.builtin.core_v1 import ConfigMap, Secret
from kubernaut.resources.builtin.rbac_v1 import ClusterRole

BY_KIND = ("apply-manifest", "delete-resource", "patch-resource")


def rights(catalog: Catalog, action: str) -> set[tuple[str, str, str]]:
    (role,) = [
        manifest
        for manifest in rbac_manifests(catalog)
        if isinstance(manifest, ClusterRole) and manifest.name == f"kubernaut-action-{action}"
    ]
    return {
        (group, resource, verb)
        for rule in role.rules
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
    }


@pytest.mark.parametrize("action", BY_KIND)
def test_rights_are_those_of_the_allowed_kinds_and_no_wildcard(action: str) -> None:
    catalog = Catalog.builtin(kinds=AllowedKinds.parse(["v1/ConfigMap", "example.com/v1/Widget/widgets"]))
    found = rights(catalog, action)
    assert {(group, resource) for group, resource, _ in found} == {("", "configmaps"), ("example.com", "widgets")}
    assert not any("*" in word for right in rights(Catalog.builtin(), action) for word in right)


@pytest.mark.parametrize("action", BY_KIND)
def test_a_kind_that_is_not_allowed_is_no_target(action: str) -> None:
    with pytest.raises(TargetError, match="cannot act on kind"):
        Catalog.builtin().resolve_target(action, {"kind": "Secret", "namespace": "a", "name": "b"})


@pytest.mark.parametrize(
    "kind",
    [
        "v1/Secret",
        "v1/ServiceAccount",
        "v1/Namespace",
        "rbac.authorization.k8s.io/v1/Role",
        "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
        "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
    ],
)
def test_sensitive_kinds_are_off_unless_meant(kind: str) -> None:
    assert parse_kind(kind) not in AllowedKinds()
    with pytest.raises(ValueError, match="sensitive"):
        AllowedKinds.parse(["v1/ConfigMap", kind])
    assert parse_kind(kind) in AllowedKinds.parse(["v1/ConfigMap"], sensitive=[kind])


@pytest.mark.parametrize("text", ["*", "apps/v1/*", "*/*", "apps/*/Deployment", "example.com/v1/Widget/*"])
def test_there_is_no_wildcard(text: str) -> None:
    with pytest.raises(ValueError, match="never a wildcard"):
        AllowedKinds.parse([text])


@pytest.mark.parametrize("text", ["ConfigMap", "v1/configmap", "apps/v1/Widget", "example.com/v1/Widget"])
def test_a_kind_is_written_with_its_version_and_others_with_their_plural(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no kind|add its plural"):
        AllowedKinds.parse([text])


def captured(kind: str, live: dict[str, Any], **parameters: Any) -> Any:
    catalog = Catalog.builtin(kinds=AllowedKinds([ConfigMap.resource_type], sensitive=[Secret.resource_type]))
    target = {"kind": kind, "namespace": "a", "name": "b"}
    invocation = catalog.invocation("delete-resource", target, parameters, live)
    return catalog.get("delete-resource").capture(invocation)


def live_object(kind: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": "b", "namespace": "a", "uid": "u", "resourceVersion": "7", "labels": {"x": "y"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data}


def test_what_is_deleted_comes_back_without_what_the_server_gave_it() -> None:
    found = captured("ConfigMap", live_object("ConfigMap", {"a": "b"}))
    assert found.action == "apply-manifest"
    assert found.target.to_dict() == {"apiVersion": "v1", "kind": "Namespace", "name": "a"}
    metadata = {"name": "b", "namespace": "a", "labels": {"x": "y"}}
    assert json.loads(found.parameters["manifest"]) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"a": "b"},
    }
    Catalog.builtin().invocation(found.action, found.target, found.parameters)


@pytest.mark.parametrize(
    ("kind", "data", "sensitive"),
    [("Secret", {"a": "YQ=="}, True), ("ConfigMap", {"a": "x" * 65 * 1024}, False)],
    ids=["secret", "large"],
)
def test_secret_data_and_large_objects_fit_no_status(kind: str, data: dict[str, str], sensitive: bool) -> None:
    found = captured(kind, live_object(kind, data))
    assert (found.sensitive, found.fits_status) == (sensitive, False)
    catalog = Catalog.builtin(kinds=AllowedKinds([ConfigMap.resource_type], sensitive=[Secret.resource_type]))
    parameters = catalog.get("apply-manifest").parameters
    assert parse_parameters(parameters, found.parameters, action="apply-manifest", captured=True)


def test_what_is_too_large_for_a_secret_is_deleted_only_irreversibly() -> None:
    data = {"a": "x" * 800 * 1024}
    with pytest.raises(CaptureFailed, match="irreversible=true"):
        captured("ConfigMap", live_object("ConfigMap", data))
    assert captured("ConfigMap", live_object("ConfigMap", data), irreversible="true") is None


def test_a_patch_or_a_manifest_for_a_secret_leads_back_by_what_fits_no_status() -> None:
    catalog = Catalog.builtin(kinds=AllowedKinds([], sensitive=[Secret.resource_type]))
    target, live = {"kind": "Secret", "namespace": "a", "name": "b"}, live_object("Secret", {"a": "YQ=="})
    for action, parameters in (
        ("patch-resource", {"patch": "{data: {a: Yg==}}"}),
        ("apply-manifest", {"manifest": "{apiVersion: v1, kind: Secret, metadata: {name: b}, data: {a: Yg==}}"}),
    ):
        found = catalog.get(action).capture(catalog.invocation(action, target, parameters, live))
        assert found is not None and found.sensitive
        assert "YQ==" in json.dumps(dict(found.parameters))
    made = catalog.invocation("apply-manifest", {"kind": "Namespace", "name": "a"}, parameters)
    assert (found := catalog.get("apply-manifest").capture(made)) is not None
    assert (found.action, found.sensitive) == ("delete-resource", True)


def test_a_job_comes_back_without_the_selector_that_was_made_for_it() -> None:
    labels = {"controller-uid": "u", "batch.kubernetes.io/job-name": "j", "app": "x"}
    job: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "uid": "u", "labels": dict(labels)},
        "spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"metadata": {"labels": labels}}},
        "status": {"succeeded": 1},
    }
    assert recreatable(job) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "labels": {"app": "x"}},
        "spec": {"template": {"metadata": {"labels": {"app": "x"}}}},
    }
    assert job["spec"]["selector"], "the live object is left as it was"


def applied(catalog: Catalog, target: dict[str, str], document: dict[str, Any], *related: dict[str, Any]) -> Any:
    invocation = catalog.invocation("apply-manifest", target, {"manifest": json.dumps(document)}, {}, related)
    return catalog.get("apply-manifest").creates(invocation)


def test_what_a_manifest_makes_is_told_and_what_is_there_has_to_be_the_target() -> None:
    catalog, place = Catalog.builtin(), {"kind": "Namespace", "name": "a"}
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "labels": {"c": "d"}}}
    assert applied(catalog, place, made)["metadata"] == {"name": "b", "namespace": "a", "labels": {"c": "d"}}
    assert applied(catalog, {"kind": "ConfigMap", "namespace": "a", "name": "b"}, made) is None
    with pytest.raises(TargetError, match="target: ConfigMap a/b exists: name it as the target"):
        applied(catalog, place, made, live_object("ConfigMap", {}))
    invocation = catalog.invocation(
        "apply-manifest", place, {"manifest": json.dumps(made)}, {}, [live_object("ConfigMap", {})]
    )
    for asked in (catalog.get("apply-manifest").command, catalog.get("apply-manifest").capture):
        with pytest.raises(TargetError, match="exists"):
            asked(invocation)


def test_a_namespace_as_the_target_takes_the_right_to_create_and_no_more() -> None:
    catalog = Catalog.builtin()
    rules = catalog.get("apply-manifest").rbac(
        catalog.resolve_target("apply-manifest", {"kind": "Namespace", "name": "a"})
    )
    assert {verb for rule in rules for verb in rule.verbs} == {"create"}
    assert "namespaces" not in {resource for rule in rules for resource in rule.resources}
    own = Catalog.builtin(kinds=AllowedKinds.parse(["v1/ConfigMap"], sensitive=["v1/Namespace"])).get("apply-manifest")
    rules = own.rbac(catalog.resolve_target("apply-manifest", {"kind": "Namespace", "name": "a"}))
    assert [(rule.verbs, rule.resources, rule.resource_names) for rule in rules] == [
        (["create"], ["configmaps"], []),
        (["patch"], ["namespaces"], ["a"]),
    ]


def test_only_what_reads_shares_a_target() -> None:
    assert [action.name for action in Catalog.builtin() if not action.exclusive] == ["collect-logs"]


LIVE: dict[str, Any] = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {"replicas": 2, "list": [{"name": "x"}], "map": {"k": "v", "deep": {"n": 1}}},
}


@pytest.mark.parametrize(
    ("patch", "back"),
    [
        ({"spec": {"replicas": 5}}, {"spec": {"replicas": 2}}),
        ({"spec": {"new": {"a": 1}}}, {"spec": {"new": None}}),
        ({"metadata": {"annotations": {"a": "b"}}}, {"metadata": {"annotations": None}}),
        ({"metadata": {"labels": {"a": None, "b": "2"}}}, {"metadata": {"labels": {"a": "1", "b": None}}}),
        ({"spec": {"list": [{"name": "y"}]}}, {"spec": {"list": [{"name": "x"}]}}),
        ({"spec": {"map": None}}, {"spec": {"map": {"k": "v", "deep": {"n": 1}}}}),
        (
            {"spec": {"map": {"$patch": "replace", "z": 1}}},
            {"spec": {"map": {"k": "v", "deep": {"n": 1}, "z": None}}},
        ),
        ({"spec": {"$setElementOrder/list": [{"name": "x"}]}}, {"spec": {"list": [{"name": "x"}]}}),
        ([{"op": "replace", "path": "/spec/list/0/name", "value": "z"}], {"spec": {"list": [{"name": "x"}]}}),
        ([{"op": "add", "path": "/metadata/labels/a~1b", "value": "z"}], {"metadata": {"labels": {"a/b": None}}}),
        (
            [{"op": "move", "from": "/spec/map/k", "path": "/spec/map/m"}],
            {"spec": {"map": {"k": "v", "m": None}}},
        ),
        ([{"op": "test", "path": "/spec/replicas", "value": 2}], {}),
    ],
)
def test_the_way_back_of_a_patch(patch: Any, back: dict[str, Any]) -> None:
    before = json.dumps(LIVE)
    assert inverse_patch(patch, LIVE) == back
    assert json.dumps(LIVE) == before


@pytest.mark.parametrize(
    ("target", "manifest", "message"),
    [
        ({"kind": "Namespace", "name": "a"}, "{apiVersion: v1, kind: Secret, metadata: {name: x}}", "not allowed here"),
        (
            {"kind": "Namespace", "name": "a"},
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: b}}",
            "is for namespace b, but the target's is a",
        ),
        (
            {"kind": "ConfigMap", "namespace": "a", "name": "x"},
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: y}}",
            "describes ConfigMap y, but the target is ConfigMap a/x",
        ),
    ],
)
def test_a_manifest_must_fit_the_target_and_the_allow_list(target: dict[str, str], manifest: str, message: str) -> None:
    catalog = Catalog.builtin()
    invocation = catalog.invocation("apply-manifest", target, {"manifest": manifest}, {})
    with pytest.raises(ValueError, match=message):
        catalog.get("apply-manifest").command(invocation)
