"""Structural schemas: pruning, defaults, validation messages, and CEL rules."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.fake.apiserver.schema import apply_defaults, cel, celengine, check_structural, prune, validate

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["replicas"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "when": {"type": "string", "format": "date-time"},
        "items": {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {"n": {"type": "string"}}}},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
                "x-kubernetes-validations": [{"rule": "self.port == oldSelf.port", "message": "port stays"}],
            },
        },
    },
    "x-kubernetes-validations": [
        {"rule": "self.mode != 'b' || self.replicas > 0", "message": "b needs replicas"},
        {"rule": "!has(oldSelf.when) || has(self.when)", "message": "when stays"},
    ],
}
SCHEMA: dict[str, Any] = {"type": "object", "required": ["spec"], "properties": {"spec": SPEC}}


def thing(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "x.dev/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}


def messages(obj: dict[str, Any], old: dict[str, Any] | None = None, schema: dict[str, Any] = SCHEMA) -> list[str]:
    return [cause.sentence() for cause in validate(obj, schema, old=old)]


def of(schema: dict[str, Any], value: Any, old: Any = None) -> list[str]:
    """The messages for one member `x` of the schema."""
    root = {"type": "object", "properties": {"x": schema}}
    return messages({"x": value}, None if old is None else {"x": old}, root)


def test_unknown_fields_go_and_defaults_come() -> None:
    obj = {**thing(replicas=1, unknown="x", items=[{"n": "a", "m": 1}], mode=None), "other": 1}
    assert prune(obj, SCHEMA) == ["other", "spec.items[0].m", "spec.unknown"]
    apply_defaults(obj, SCHEMA)
    assert obj == thing(replicas=1, items=[{"n": "a"}], mode="a")


def test_preserved_subtrees_keep_the_unknown_but_not_below_what_is_named() -> None:
    named = {"type": "object", "properties": {"a": {"type": "integer"}}}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"named": named}}
    obj = {"free": {"b": 1}, "named": {"a": 1, "b": 2}}
    assert prune(obj, schema) == ["named.b"]
    assert obj == {"free": {"b": 1}, "named": {"a": 1}}


def test_the_servers_words_for_what_is_wrong() -> None:
    wrong = thing(replicas=11, mode="c", when="yesterday", items=[{}, {}, {}])
    assert messages(wrong) == [
        "spec.items: Too many: 3: must have at most 2 items",
        'spec.mode: Unsupported value: "c": supported values: "a", "b"',
        "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
        'spec.when: Invalid value: "yesterday": spec.when in body must be of type date-time: "yesterday"',
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation",
    ]
    assert messages(thing())[0] == "spec.replicas: Required value"
    words = 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'
    assert messages(thing(replicas="1"))[0] == words


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"type": "string", "maxLength": 1}, "ab", "x: Too long: may not be more than 1 byte"),
        ({"type": "string", "minLength": 1}, "", 'x: Invalid value: "": x in body should be at least 1 chars long'),
        ({"type": "string", "pattern": "^a$"}, "a\n", "x: Invalid value: \"a\\n\": x in body should match '^a$'"),
        ({"type": "number", "multipleOf": 0.1}, 0.35, "x: Invalid value: 0.35: x in body should be a multiple of 0.1"),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, 1, "should be greater than 1"),
        ({"type": "array", "minItems": 1, "items": {"type": "string"}}, [], "should have at least 1 items"),
        ({"type": "object", "minProperties": 1}, {}, "should have at least 1 properties"),
        ({"x-kubernetes-int-or-string": True}, True, 'must be of type integer,string: "boolean"'),
        ({"type": "string"}, None, 'must be of type string: "null"'),
        (
            {"type": "integer", "oneOf": [{"minimum": 3}, {"maximum": 1}]},
            2,
            "one and only one schema (oneOf). Found none",
        ),
        ({"type": "integer", "anyOf": [{"minimum": 3}]}, 2, '"x" must validate at least one schema (anyOf)'),
        ({"type": "integer", "not": {"minimum": 1}}, 2, '"x" must not validate the schema (not)'),
        (
            {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            ["a", "a"],
            'x[1]: Duplicate value: "a"',
        ),
    ],
)
def test_each_constraint(schema: dict[str, Any], value: Any, words: str) -> None:
    assert words in "\n".join(of(schema, value))


def test_whole_floats_are_integers_and_unchanged_values_are_let_pass() -> None:
    assert of({"type": "integer"}, 1.0) == []
    assert of({"type": "integer", "maximum": 1}, 5, old=5) == []
    assert of({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 9"}]}, 5, old=5) == []


def test_rules_and_transitions() -> None:
    assert messages(thing(replicas=0, mode="b")) == ["spec: Invalid value: b needs replicas"]
    old = thing(replicas=1, mode="a", when="2026-01-01T00:00:00Z", ports=[{"name": "p", "port": 1}])
    assert messages(old) == []
    new = thing(replicas=1, mode="a", ports=[{"name": "q", "port": 2}, {"name": "p", "port": 2}])
    assert messages(new, old) == ["spec: Invalid value: when stays", "spec.ports[1]: Invalid value: port stays"]


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ({"rule": "self.a > 1"}, {"a": 1}, "x: Invalid value: failed rule: self.a > 1"),
        (
            {"rule": "self.a > 1", "messageExpression": "'a is ' + string(self.a)", "fieldPath": ".a"},
            {"a": 1},
            "x.a: Invalid value: a is 1",
        ),
        ({"rule": "false", "reason": "FieldValueForbidden", "message": "no"}, {}, "x: Forbidden: no"),
        ({"rule": "self.a > 1"}, {}, 'x: Invalid value: "object": no such key: a evaluating rule: self.a > 1'),
        ({"rule": "self.t > timestamp('2025-01-01T00:00:00Z')"}, {"t": "2024-01-01T00:00:00Z"}, "failed rule"),
        ({"rule": "self.d > duration('1m')"}, {"d": "30s"}, "failed rule"),
        ({"rule": "self.l.isSorted() && self.l.sum() == 3"}, {"l": [2, 1]}, "failed rule"),
        ({"rule": "self.x__dash__y == 'a'"}, {"x-y": "b"}, "failed rule"),
        ({"rule": "oldSelf.hasValue()", "optionalOldSelf": True, "message": "was not"}, {}, "was not"),
    ],
)
def test_what_rules_may_say(rule: dict[str, Any], value: Any, words: str) -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    text = {"type": "string"}
    properties = {"a": {"type": "integer"}, "t": {**text, "format": "date-time"}, "l": numbers, "x-y": text}
    properties["d"] = {**text, "format": "duration"}
    schema = {"type": "object", "properties": properties, "x-kubernetes-validations": [rule]}
    assert check_structural({"type": "object", "properties": {"x": schema}}) == []
    assert words in "\n".join(of(schema, value))


def test_an_optional_old_value_is_there_on_update() -> None:
    rule = {"rule": "oldSelf.orValue(0) <= self", "optionalOldSelf": True, "message": "shrinks"}
    schema = {"type": "integer", "x-kubernetes-validations": [rule]}
    assert of(schema, 5) == []
    assert of(schema, 5, old=6) == ["x: Invalid value: 5: shrinks"]


def test_a_sound_schema_passes_the_structural_check() -> None:
    assert check_structural(SCHEMA) == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {}}, "p.type: Required value: must not be empty at the root"),
        ({"type": "string"}, 'p.type: Invalid value: "string": must be object at the root'),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "must not be used at the root"),
        ({"type": "object", "properties": {"a": {}}}, "must not be empty for specified object fields"),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, "p.properties[a].items: Required value"),
        ({"type": "object", "properties": {"a": {"$ref": "#/x"}}}, "$ref is not supported"),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, "use nullable as an alternative"),
        (
            {"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"type": "string"}]}}},
            "p.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}},
            },
            "must not be empty if x-kubernetes-list-type is map",
        ),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "self.nosuch > 1"}]}, "undefined field 'nosuch'"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "1 +"}]}, "compilation failed"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "1"}]}, "must evaluate to bool"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": ""}]}, "rule is not specified"),
    ],
)
def test_what_is_not_structural(schema: dict[str, Any], words: str) -> None:
    assert words in "\n".join(cause.sentence() for cause in check_structural(schema, "p"))


def test_without_cel_rules_are_refused_never_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> celengine.Engine:
        raise celengine.CelUnavailable

    monkeypatch.setattr(cel, "load_engine", missing)
    assert "CEL is not installed" in check_structural(SCHEMA)[0].message
    with pytest.raises(celengine.CelUnavailable):
        validate(thing(replicas=1, mode="a"), SCHEMA)
