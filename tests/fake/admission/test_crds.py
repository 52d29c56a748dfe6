"""CRDs: selectable fields, ratcheting, rules with the functions of Kubernetes, and what a write costs."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver.storage import Stored
from tests.fake.admission.asking import Asker, Object

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
JARS = "/apis/example.dev/v1/namespaces/default/jars"


async def serve(ask: Asker, spec: Object, **version: object) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", **spec}}}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema, **version}]
    names = {"plural": "jars", "kind": "Jar"}
    body = {"group": "example.dev", "scope": "Namespaced", "names": names, "versions": versions}
    await ask.post(CRDS, {"metadata": {"name": "jars.example.dev"}, "spec": body})


async def jar(ask: Asker, name: str, **spec: object) -> tuple[int, Object]:
    return await ask("POST", JARS, {"metadata": {"name": name}, "spec": spec})


TEXT = {"type": "string"}


async def test_selectable_fields_select_and_others_do_not(ask: Asker) -> None:
    await serve(ask, {"properties": {"color": TEXT, "lid": TEXT}}, selectableFields=[{"jsonPath": ".spec.color"}])
    for color in ("red", "blue"):
        assert (await jar(ask, color, color=color))[0] == 201
    found = await ask.get(f"{JARS}?fieldSelector=spec.color%3Dred")
    assert [item["metadata"]["name"] for item in found["items"]] == ["red"]
    code, body = await ask("GET", f"{JARS}?fieldSelector=spec.lid%3Dx")
    assert (code, body["message"]) == (400, "field label not supported: spec.lid")


async def test_what_was_invalid_before_may_stay(ask: Asker) -> None:
    await serve(ask, {"properties": {"color": TEXT, "size": {"type": "integer"}}})
    await jar(ask, "a", color="puce", size=1)
    live = await ask.get(f"{CRDS}/jars.example.dev")
    properties = live["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["color"]["enum"] = ["red"]
    assert (await ask("PUT", f"{CRDS}/jars.example.dev", live))[0] == 200
    assert (await ask.merge(f"{JARS}/a", {"spec": {"size": 2}}))[0] == 200
    assert (await ask.merge(f"{JARS}/a", {"spec": {"color": "mauve"}}))[0] == 422


async def test_rules_use_the_functions_of_kubernetes(ask: Asker) -> None:
    rules = [
        {"rule": "quantity(self.limit).compareTo(quantity('1Gi')) <= 0", "message": "at most 1Gi"},
        {"rule": "!format.dns1123Label().validate(self.label).hasValue()", "message": "no label"},
    ]
    await serve(ask, {"properties": {"limit": TEXT, "label": TEXT}, "x-kubernetes-validations": rules})
    assert (await jar(ask, "a", limit="512Mi", label="ok"))[0] == 201
    code, body = await jar(ask, "b", limit="2Gi", label="Not ok")
    assert code == 422
    assert [cause["message"].rpartition(": ")[2] for cause in body["details"]["causes"]] == ["at most 1Gi", "no label"]


async def test_writes_of_custom_resources_read_no_definitions(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    await serve(ask, {"properties": {"color": TEXT}})
    read: list[str] = []
    decode = Stored.decode

    def counting(self: Stored) -> Object:
        if self.name == "jars.example.dev":
            read.append(self.name)
        return decode(self)

    monkeypatch.setattr(Stored, "decode", counting)
    await jar(ask, "a", color="red")
    await ask.merge(f"{JARS}/a", {"spec": {"color": "blue"}})
    assert read == []


async def test_the_last_instance_takes_a_definition_that_is_going_with_it(ask: Asker) -> None:
    await serve(ask, {"properties": {"color": TEXT}})
    await ask.post(JARS, {"metadata": {"name": "a", "finalizers": ["example.dev/x"]}, "spec": {}})
    assert (await ask("DELETE", f"{CRDS}/jars.example.dev"))[0] == 200
    assert ask.server.resource_for("example.dev/v1", "Jar") is not None
    await ask.merge(f"{JARS}/a", {"metadata": {"finalizers": None}})
    assert (await ask("GET", f"{CRDS}/jars.example.dev"))[0] == 404
    assert ask.server.resource_for("example.dev/v1", "Jar") is None
