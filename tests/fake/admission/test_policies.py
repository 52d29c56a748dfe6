"""ValidatingAdmissionPolicies: what they match, what they say, what bindings do with it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake.admission.asking import CONFIGMAPS, REGISTRATION, Asker, Object, rule

POLICIES = f"{REGISTRATION}/validatingadmissionpolicies"
BINDINGS = f"{REGISTRATION}/validatingadmissionpolicybindings"
SMALL = {"expression": "!has(object.data) || size(object.data) < 2"}


async def put(ask: Asker, *validations: Object, binding: Object | None = None, **spec: Any) -> None:
    constraints = {"resourceRules": [rule()], **spec.pop("matchConstraints", {})}
    body = {"matchConstraints": constraints, "validations": list(validations), **spec}
    await ask.post(POLICIES, {"metadata": {"name": "p"}, "spec": body})
    bound = {"policyName": "p", "validationActions": ["Deny"], **(binding or {})}
    await ask.post(BINDINGS, {"metadata": {"name": "b"}, "spec": bound})


async def make(ask: Asker, name: str = "a", **data: str) -> tuple[int, Object]:
    return await ask("POST", CONFIGMAPS, {"metadata": {"name": name}, "data": data})


async def test_a_denial_reads_as_on_a_real_server(ask: Asker) -> None:
    await put(ask, SMALL)
    assert (await make(ask, k="v"))[0] == 201
    code, body = await make(ask, "b", k="v", l="w")
    text = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: "
    text += SMALL["expression"]
    assert (code, body["reason"], body["message"]) == (422, "Invalid", f'configmaps "b" is forbidden: {text}')
    assert body["details"] == {"name": "b", "kind": "configmaps", "causes": [{"message": text}]}


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"message": "too many keys"}, 422, "too many keys"),
        ({"messageExpression": "'has ' + string(size(object.data))"}, 422, "has 2"),
        ({"messageExpression": "object.nothing", "message": "plain"}, 422, "plain"),
        ({"reason": "Forbidden", "message": "no"}, 403, "no"),
    ],
)
async def test_messages_and_reasons(ask: Asker, more: Object, code: int, message: str) -> None:
    await put(ask, {**SMALL, **more})
    answered, body = await make(ask, k="v", l="w")
    assert (answered, body["message"].rpartition("denied request: ")[2]) == (code, message)


async def test_actions_warn_and_audit_let_pass(ask: Asker) -> None:
    await put(ask, {**SMALL, "message": "large"}, binding={"validationActions": ["Warn", "Audit"]})
    assert (await make(ask, k="v", l="w"))[0] == 201
    assert ask.warnings == ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': large"]


async def test_an_expression_that_fails_denies_unless_failures_are_ignored(ask: Asker) -> None:
    await put(ask, {"expression": "object.data.missing == 'x'"})
    code, body = await make(ask, k="v")
    assert code == 422
    assert body["message"].endswith("expression 'object.data.missing == 'x'' resulted in error: no such key: missing")
    await ask.merge(f"{POLICIES}/p", {"spec": {"failurePolicy": "Ignore"}})
    assert (await make(ask, k="v"))[0] == 201


async def test_variables_are_used_by_later_ones_and_by_validations(ask: Asker) -> None:
    variables = [
        {"name": "count", "expression": "size(object.data)"},
        {"name": "double", "expression": "variables.count * 2"},
    ]
    validation = {"expression": "variables.double < 4", "messageExpression": "'twice is ' + string(variables.double)"}
    await put(ask, validation, variables=variables)
    assert (await make(ask, k="v"))[0] == 201
    assert (await make(ask, "b", k="v", l="w"))[1]["message"].endswith("twice is 4")


async def test_transitions_see_the_old_object_and_the_request(ask: Asker) -> None:
    expression = "oldObject == null || object.data == oldObject.data || request.userInfo.username == 'alice'"
    await put(ask, {"expression": expression, "message": "frozen"})
    assert (await make(ask, k="v"))[0] == 201
    assert (await ask.merge(f"{CONFIGMAPS}/a", {"data": {"k": "w"}}))[0] == 422
    assert (await ask.acting("alice").merge(f"{CONFIGMAPS}/a", {"data": {"k": "w"}}))[0] == 200


@pytest.mark.parametrize(
    ("spec", "denied"),
    [
        ({"matchConstraints": {"namespaceSelector": {"matchLabels": {"env": "prod"}}}}, False),
        ({"matchConstraints": {"excludeResourceRules": [rule()]}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name != 'a'"}]}, False),
        ({"matchConditions": [{"name": "c", "expression": "namespaceObject.metadata.name == 'default'"}]}, True),
        ({"binding": {"matchResources": {"resourceRules": [rule("secrets")]}}}, False),
        ({"binding": {"matchResources": {"objectSelector": {"matchLabels": {"app": "x"}}}}}, False),
    ],
)
async def test_constraints_conditions_and_bindings_choose_requests(ask: Asker, spec: Object, denied: bool) -> None:
    await put(ask, {"expression": "false"}, **spec)
    assert ((await make(ask))[0] == 422) is denied


async def test_params_come_from_objects(ask: Asker) -> None:
    reference = {"name": "limits", "namespace": "default", "parameterNotFoundAction": "Deny"}
    validation = {"expression": "size(object.data) <= int(params.data.max)", "message": "over the limit"}
    conditions = [{"name": "not-limits", "expression": "object.metadata.name != 'limits'"}]
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    await put(ask, validation, paramKind=kind, matchConditions=conditions, binding={"paramRef": reference})
    code, body = await make(ask, k="v")
    assert body["message"].endswith("no params found for policy binding with `Deny` parameterNotFoundAction")
    await ask.merge(f"{BINDINGS}/b", {"spec": {"paramRef": {"parameterNotFoundAction": "Allow"}}})
    assert (await make(ask, "limits", max="1"))[0] == 201
    assert (await make(ask, k="v"))[0] == 201
    code, body = await make(ask, "b", k="v", l="w")
    assert (code, body["message"].endswith("over the limit")) == (422, True)


async def test_policies_that_do_not_compile_are_refused(ask: Asker) -> None:
    spec = {"matchConstraints": {"resourceRules": [rule()]}, "validations": [{"expression": "object.data +"}]}
    code, body = await ask("POST", POLICIES, {"metadata": {"name": "p"}, "spec": spec})
    assert (code, body["details"]["causes"][0]["field"]) == (422, "spec.validations[0].expression")
    code, body = await ask("POST", BINDINGS, {"metadata": {"name": "b"}, "spec": {}})
    fields = [cause["field"] for cause in body["details"]["causes"]]
    assert (code, fields) == (422, ["spec.policyName", "spec.validationActions"])
