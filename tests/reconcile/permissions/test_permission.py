"""Permission: what it grants, what it refuses to be, and the text of it that one pastes."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.reconcile import Permission
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace, Pod


def test_it_is_written_as_one_pastes_it() -> None:
    permissions = {
        'Permission(["get"], Pod, namespace="shop")': Permission(["get"], Pod, namespace="shop"),
        'Permission(["get"], Pod, subresource="log")': Permission(["get"], Pod, subresource="log"),
        'Permission(["get", "list"], "widgets.example.dev")': Permission(["get", "list"], "widgets.example.dev"),
        'Permission(["get"], "secrets", names=["key"])': Permission(["get"], "secrets", names=["key"]),
        'Permission(["get"], "deployments.apps")': Permission(["get"], Deployment.resource_type),
    }
    for text, permission in permissions.items():
        assert repr(permission) == text
        pasted = eval(text, {"Permission": Permission, "Pod": Pod})
        assert (pasted.group, pasted.path, pasted.verbs) == (permission.group, permission.path, permission.verbs)


def test_it_grants_what_it_names() -> None:
    everywhere = Permission(["get", "list"], Deployment)
    assert everywhere.allows("get", "apps", "deployments", "shop", "web")
    assert everywhere.allows("list", "apps", "deployments", "", "")
    assert not everywhere.allows("get", "extensions", "deployments", "shop", "web")
    assert not everywhere.allows("get", "apps", "deployments/scale", "shop", "web")
    assert not everywhere.allows("delete", "apps", "deployments", "shop", "web")


def test_it_holds_in_its_namespace_and_for_its_names_only() -> None:
    limited = Permission(["get", "list"], Pod, namespace="shop", names=["web"])
    assert limited.allows("get", "", "pods", "shop", "web")
    assert not limited.allows("get", "", "pods", "other", "web")
    assert not limited.allows("get", "", "pods", "shop", "db")
    assert not limited.allows("list", "", "pods", "shop", "")
    assert not limited.allows("list", "", "pods", "", "web")


@pytest.mark.parametrize(
    ("given", "wrong", "why"),
    [
        (("get", Pod), {}, "Permission.verbs is 'get': it must be a list"),
        (([], Pod), {}, "Permission.verbs is empty"),
        ((["*"], Pod), {}, "it must be a verb such as get"),
        ((["get"], "Pods"), {}, "Permission.resource is 'Pods'"),
        ((["get"], "pods/log"), {}, "Permission.resource is 'pods/log'"),
        ((["get"], 7), {}, "Permission.resource is 7"),
        ((["get"], Namespace), {"namespace": "shop"}, "Namespace has no namespaces"),
        ((["create"], Pod), {"names": ["web"]}, "'create' cannot be limited to names"),
        ((["get"], Pod), {"names": "web"}, "Permission.names is 'web'"),
    ],
)
def test_what_rbac_could_not_grant_is_refused(given: tuple[Any, Any], wrong: dict[str, Any], why: str) -> None:
    with pytest.raises((TypeError, ValueError), match=why.replace("*", r"\*")):
        Permission(*given, **wrong)


def test_a_create_of_a_subresource_has_a_name() -> None:
    assert Permission(["create"], Pod, names=["web"], subresource="eviction").names == ("web",)
