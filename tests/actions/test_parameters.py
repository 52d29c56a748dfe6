"""Wrong requests get an answer that names the field and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import Catalog, ParameterError, TargetError, UnknownAction

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
        ("cordon-node", {"x": 1}, "parameters.x: unknown parameter; cordon-node takes: no parameters"),
        ("cordon-node", [], "parameters: must be an object, got a list"),
    ],
)
def test_wrong_parameters(action: str, parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        CATALOG.parse(action, parameters)
    assert str(caught.value) == message


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(ParameterError) as caught:
        CATALOG.parse("scale-deployment", {"replicas": "two", "foo": 1})
    assert [field for field, _ in caught.value.errors] == ["parameters.replicas", "parameters.foo"]


@pytest.mark.parametrize("replicas", [0, 5, 100])
def test_zero_and_the_bounds_are_legal(replicas: int) -> None:
    assert CATALOG.parse("scale-deployment", {"replicas": replicas}).to_dict() == {"replicas": replicas}


def test_defaults_are_filled_in() -> None:
    assert CATALOG.parse("restart-pod", None).to_dict() == {"gracePeriodSeconds": 30}


def test_an_unknown_action_names_the_nearest() -> None:
    with pytest.raises(UnknownAction) as caught:
        CATALOG.get("scale-deploymnt")
    assert str(caught.value) == (
        'unknown action "scale-deploymnt"; did you mean "scale-deployment"? '
        "known: cordon-node, restart-pod, scale-deployment, uncordon-node"
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
