"""CRDs made from models say what the models say, in words that a server accepts."""

import importlib.util
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, new_class
from typing import Any, Literal

import pytest
from pydantic import Field

from kubernaut.resources import Model, Resource, Rule, crd_for, schema_for


def load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


widgets = load("crd_widget")
SCHEMA = schema_for(widgets.Widget)
SPEC = SCHEMA["properties"]["spec"]
INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("size", {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "description": "How large."}),
        ("note", {"type": "string"}),
        ("mode", {"type": "string", "enum": ["auto", "manual"], "default": "auto"}),
        ("only", {"type": "string", "enum": ["this"], "default": "this"}),
        ("level", {"type": "integer", "enum": [1, 2]}),
        ("color", {"type": "string", "enum": ["red", "blue"]}),
        ("flag", {"type": "boolean", "default": False}),
        ("zero", {"type": "integer", "default": 0}),
        ("empty", {"type": "string"}),
        ("deadline", {"type": "string", "format": "date-time"}),
        ("port", INT_OR_STRING | {"default": 80}),
        ("either", INT_OR_STRING),
        ("tags", {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
        ("labels", {"type": "object", "additionalProperties": {"type": "string"}}),
        ("free", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        ("loose", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        ("anything", {"x-kubernetes-preserve-unknown-fields": True}),
        ("percent", {"type": "number", "multipleOf": 0.5}),
        ("clusterIP", {"type": "string"}),
    ],
)
def test_fields(field: str, schema: dict[str, Any]) -> None:
    assert SPEC["properties"][field] == schema


def test_nested_defaults_are_whole_and_references_are_inlined() -> None:
    retries = {"type": "integer", "minimum": 0, "maximum": 10, "default": 3}
    for field, default in (("limits", {"retries": 3, "ratio": 0.5}), ("strict", {"retries": 0, "ratio": 0.5})):
        schema = SPEC["properties"][field]
        assert schema["default"] == default
        assert schema["properties"]["retries"] == retries
    assert SPEC["properties"]["timeout"]["default"] == "5m0s"
    step = SPEC["properties"]["byName"]["additionalProperties"]
    assert step["properties"]["color"]["default"] == "red"
    assert step["required"] == ["name"]


def test_only_what_must_be_given_is_required() -> None:
    assert SPEC["required"] == ["size"]
    assert SCHEMA["required"] == ["spec"]


def test_the_status_has_no_default_of_its_own() -> None:
    assert "default" not in SCHEMA["properties"]["status"]
    assert SCHEMA["properties"]["status"]["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_unknown_fields_are_preserved_only_where_asked() -> None:
    key = "x-kubernetes-preserve-unknown-fields"
    assert key not in SCHEMA
    assert key not in SPEC
    assert key not in SPEC["properties"]["limits"]
    assert SPEC["properties"]["template"][key] is True


def test_no_word_is_left_that_servers_refuse() -> None:
    def walk(schema: Any) -> None:
        if isinstance(schema, dict):
            assert not {"$ref", "$defs", "title", "const", "allOf", "oneOf", "uniqueItems"} & {
                key for key, value in schema.items() if not isinstance(value, dict) or key == "$defs"
            }
            for value in schema.values():
                walk(value)
        elif isinstance(schema, list):
            for value in schema:
                walk(value)

    walk(SCHEMA)


def test_the_manifest_names_scope_columns_and_subresources() -> None:
    crd = crd_for(widgets.Widget)
    assert crd["metadata"] == {"name": "widgets.example.dev"}
    assert crd["spec"]["names"] == {
        "kind": "Widget",
        "listKind": "WidgetList",
        "plural": "widgets",
        "singular": "widget",
        "shortNames": ["wd"],
        "categories": ["all"],
    }
    (version,) = crd["spec"]["versions"]
    assert version["subresources"] == {"status": {}}
    assert version["additionalPrinterColumns"][1] == {
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
        "priority": 1,
    }


def test_rules_go_where_they_are_bound_and_can_be_left_out() -> None:
    key = "x-kubernetes-validations"
    assert SPEC[key] == [{"rule": "self == oldSelf", "message": "spec is immutable"}]
    assert key in SPEC["properties"]["steps"]["items"]
    assert SPEC["properties"]["byName"]["additionalProperties"][key][0]["fieldPath"] == ".name"
    assert key in SCHEMA
    assert key not in str(crd_for(widgets.Widget, validations=False))


def test_several_versions_share_one_manifest() -> None:
    old = kind_of("Widget", Model, version="v1alpha1")
    versions = crd_for(widgets.Widget, old)["spec"]["versions"]
    assert [(version["name"], version["storage"]) for version in versions] == [("v1", True), ("v1alpha1", False)]
    with pytest.raises(TypeError, match="is no version of"):
        crd_for(widgets.Widget, kind_of("Other", Model))


def model_of(annotation: Any, default: Any = ...) -> type[Model]:
    def body(namespace: dict[str, Any]) -> None:
        namespace |= {"__annotations__": {"odd": annotation}, "__module__": __name__, "odd": Field(default)}

    made: type[Model] = new_class("Part", (Model,), {}, body)
    return made


def kind_of(name: str, spec: Any, version: str = "v1", **keywords: Any) -> type[Resource]:
    def body(namespace: dict[str, Any]) -> None:
        namespace |= {"__annotations__": {"spec": spec}, "__module__": __name__}

    made: type[Resource] = new_class(name, (Resource,), {"group": "example.dev", "version": version} | keywords, body)
    return made


class Left(Model):
    a: int


class Right(Model):
    b: int


class Tree(Model):
    children: "list[Tree]" = Field(default_factory=list)


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (tuple[int, str], "prefixItems"),
        (int | list[int], "union"),
        (Left | Right, "union"),
        (Callable[[], int], "express"),
        (timedelta, "Duration"),
        (Decimal, "union"),
        (dict[Literal["a"], int], "propertyNames"),
        (None, "null"),
        (Literal["a", 1], "enum"),
        (set[Literal[1]] | str, "union"),
    ],
)
def test_what_a_crd_cannot_say_fails_when_the_class_is_made_and_names_the_field(annotation: Any, why: str) -> None:
    with pytest.raises(TypeError, match=rf"Gadget\.spec\.odd.*{why}"):
        kind_of("Gadget", model_of(annotation))


def test_recursion_fails_and_names_the_field() -> None:
    with pytest.raises(TypeError, match=r"Gadget\.spec\.odd\.children\[\]: Tree contains itself"):
        kind_of("Gadget", model_of(Tree))


def test_a_kind_that_somebody_else_describes_is_not_checked() -> None:
    assert kind_of("Gadget", model_of(Left | Right), crd=False).resource_type.kind == "Gadget"


def test_a_rule_bound_to_nothing_fails_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"'spec\.od', but there is no 'od'"):
        kind_of("Gadget", model_of(int), rules=(Rule("true", at="spec.od"),))


def test_a_factory_that_makes_scalars_leaves_no_default() -> None:
    class Named(Model):
        id: str = Field(default_factory=lambda: "random")

    assert schema_for(Named)["properties"]["id"] == {"type": "string"}


class Early(Resource, group="example.dev", version="v1"):
    spec: "Late"


class Late(Model):
    sizes: list[int]


def test_forward_references_are_checked_once_they_are_known() -> None:
    Early.model_rebuild()
    assert schema_for(Early)["properties"]["spec"]["properties"]["sizes"]["items"] == {"type": "integer"}
