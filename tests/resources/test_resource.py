"""Classes are bound to kinds by checked keywords; owners, conditions and paths follow the API's rules."""

from datetime import UTC, datetime
from types import new_class
from typing import Any

import pytest

from kubernaut.resources import (
    Condition,
    ObjectMeta,
    OwnershipError,
    Resource,
    ResourceType,
    StatusBase,
    set_controller_reference,
    stamp_conditions,
)
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod

T0, T1 = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)


def declare(name: str = "Gadget", **keywords: Any) -> type[Resource]:
    made: type[Resource] = new_class(name, (Resource,), keywords)
    return made


def test_names_are_derived_from_the_class() -> None:
    kind = declare("NetworkPolicy", group="example.dev", version="v1beta1").resource_type
    assert kind == ResourceType("example.dev", "v1beta1", "NetworkPolicy", "networkpolicies")
    assert (kind.singular, kind.namespaced, kind.api_version) == ("networkpolicy", True, "example.dev/v1beta1")
    assert kind.group_resource == "networkpolicies.example.dev"


@pytest.mark.parametrize(
    ("wrong", "right"), [("plurall", "plural"), ("status", "status_subresource"), ("grp", "group")]
)
def test_a_misspelt_keyword_fails_and_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(TypeError, match=f"unknown keyword '{wrong}'; did you mean '{right}'"):
        declare(version="v1", **{wrong: "x"})


def test_keywords_of_the_wrong_form_fail() -> None:
    with pytest.raises(TypeError, match="scope"):
        declare(version="v1", scope="Global")
    with pytest.raises(TypeError, match="short_names is a string"):
        declare(version="v1", short_names="po")
    with pytest.raises(TypeError, match="'version' is missing"):
        declare(group="example.dev")


def test_a_class_without_keywords_is_abstract_and_a_subclass_keeps_its_kind() -> None:
    assert not hasattr(declare("Base"), "resource_type")

    class Better(Pod):
        pass

    assert Better.resource_type is Pod.resource_type
    assert Better(metadata=ObjectMeta(name="p")).to_dict()["kind"] == "Pod"


@pytest.mark.parametrize(
    ("kind", "arguments", "path"),
    [
        (Pod, (), "/api/v1/pods"),
        (Pod, ("n",), "/api/v1/namespaces/n/pods"),
        (Pod, ("n", "p", "log"), "/api/v1/namespaces/n/pods/p/log"),
        (Deployment, ("n", "d", "scale"), "/apis/apps/v1/namespaces/n/deployments/d/scale"),
        (Node, (None, "a"), "/api/v1/nodes/a"),
        (Node, ("ignored", "a"), "/api/v1/nodes/a"),
        (Node, (None, "system:a/b"), "/api/v1/nodes/system:a%2Fb"),
    ],
)
def test_paths(kind: type[Resource], arguments: tuple[str | None, ...], path: str) -> None:
    assert kind.resource_type.path(*arguments) == path


def test_paths_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a namespace"):
        Pod.resource_type.path(name="p")
    with pytest.raises(ValueError, match="needs a name"):
        Node.resource_type.path(subresource="status")


def pod(namespace: str | None, uid: str | None = None) -> Pod:
    return Pod(metadata=ObjectMeta(name="p", namespace=namespace, uid=uid))


def test_a_controller_reference_is_set_once() -> None:
    owner, child = Deployment(metadata=ObjectMeta(name="d", namespace="n", uid="u1")), pod("n")
    set_controller_reference(child, owner)
    set_controller_reference(child, owner)
    assert [reference.to_dict() for reference in child.metadata.owner_references] == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "d",
            "uid": "u1",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    with pytest.raises(OwnershipError, match="controlled by Deployment 'd' already"):
        set_controller_reference(child, Deployment(metadata=ObjectMeta(name="e", namespace="n", uid="u2")))


def test_ownership_keeps_to_scopes_and_namespaces() -> None:
    owner = Deployment(metadata=ObjectMeta(name="d", namespace="n", uid="u1"))
    for child in (pod("other"), Node(metadata=ObjectMeta(name="a"))):
        with pytest.raises(OwnershipError, match="outside its namespace"):
            set_controller_reference(child, owner)
    set_controller_reference(pod("other"), Namespace(metadata=ObjectMeta(name="any", uid="u3")))
    with pytest.raises(OwnershipError, match="no uid"):
        pod("n").owner_reference()


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    status = StatusBase()
    status.set_condition("Ready", False, reason="A")
    stamp_conditions([], status.conditions, T0, generation=3)
    before = [condition.model_copy() for condition in status.conditions]

    status.set_condition("Ready", False, reason="B", message="still")
    stamp_conditions(before, status.conditions, T1, generation=4)
    assert status.conditions == [
        Condition(
            type="Ready", status="False", reason="B", message="still", last_transition_time=T0, observed_generation=4
        )
    ]
    status.set_condition("Ready", "Unknown", reason="C")
    stamp_conditions(before, status.conditions, T1)
    assert status.conditions[0].last_transition_time == T1


def test_a_condition_that_was_replaced_by_an_equal_one_keeps_its_time() -> None:
    before = [Condition(type="Ready", status="True", last_transition_time=T0)]
    after = [Condition(type="Ready", status="True")]
    stamp_conditions(before, after, T1)
    assert after[0].last_transition_time == T0


def test_conditions_are_found_and_removed_by_type() -> None:
    status = StatusBase()
    status.set_condition("Ready", True, reason="A")
    assert status.is_true("Ready")
    assert not status.is_true("Other")
    status.remove_condition("Ready")
    assert status.condition("Ready") is None
