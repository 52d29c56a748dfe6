"""Admission webhooks in process: which are called, with what, and what their answers do."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.fake.admission.asking import (
    CONFIGMAPS,
    HOOKS,
    REGISTRATION,
    Asker,
    Hook,
    Object,
    allowed,
    hook,
    patching,
    register,
    rule,
)


async def test_a_validating_webhook_sees_the_request_as_on_a_real_server(ask: Asker) -> None:
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "validating", hook("check", rules=[rule("*", "*")]))
    made = await ask.acting("alice").post(
        f"{CONFIGMAPS}?fieldManager=me", {"metadata": {"name": "a"}, "data": {"k": "v"}}
    )
    (request,) = seen.seen
    assert seen.paths == ["/check?timeout=10s"]
    assert request["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (request["operation"], request["name"], request["namespace"]) == ("CREATE", "a", "default")
    assert request["userInfo"] == {"username": "alice", "groups": ["system:authenticated"]}
    assert (request["oldObject"], request["dryRun"]) == (None, False)
    assert request["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    assert request["object"]["data"] == {"k": "v"}
    assert request["object"]["metadata"]["uid"] == made["metadata"]["uid"]


async def test_updates_and_deletions_carry_the_old_object(ask: Asker) -> None:
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "validating", hook("check", rules=[rule("configmaps", "UPDATE", "DELETE")]))
    await ask.merge(f"{CONFIGMAPS}/a", {"data": {"k": "v"}})
    await ask("DELETE", f"{CONFIGMAPS}/a", {"gracePeriodSeconds": 5})
    update, delete = seen.seen
    assert (update["oldObject"].get("data"), update["object"]["data"]) == (None, {"k": "v"})
    assert update["options"]["kind"] == "PatchOptions"
    assert (delete["operation"], delete["object"], delete["oldObject"]["data"]) == ("DELETE", None, {"k": "v"})
    assert delete["options"] == {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "gracePeriodSeconds": 5}


@pytest.mark.parametrize(
    ("status", "code", "reason", "text"),
    [
        ({"message": "too big"}, 400, None, ": too big"),
        ({"code": 403, "reason": "Forbidden", "message": "no"}, 403, "Forbidden", ": no"),
        ({"reason": "Because"}, 400, "Because", ": Because"),
        ({}, 400, None, " without explanation"),
    ],
)
async def test_a_denial_reads_as_on_a_real_server(
    ask: Asker, status: Object, code: int, reason: str | None, text: str
) -> None:
    ask.server.route_webhook(HOOKS, Hook(lambda _: {"allowed": False, "status": status}))
    await register(ask, "validating", hook("check"))
    answered, body = await ask("POST", CONFIGMAPS, {"metadata": {"name": "a"}})
    assert (answered, body.get("reason")) == (code, reason)
    assert body["message"] == f'admission webhook "check.example.com" denied the request{text}'
    assert (await ask("GET", f"{CONFIGMAPS}/a"))[0] == 404


async def test_a_mutating_webhook_changes_what_is_stored_and_owns_nothing(ask: Asker) -> None:
    seen = Hook(patching({"op": "add", "path": "/metadata/labels", "value": {"by": "hook"}}))
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "mutating", hook("change"))
    made = await ask.post(CONFIGMAPS, {"metadata": {"generateName": "a-"}, "data": {"k": "v"}})
    assert made["metadata"]["labels"] == {"by": "hook"}
    assert "f:labels" not in str(made["metadata"]["managedFields"])
    (request,) = seen.seen
    assert "uid" not in request["object"]["metadata"]
    assert "name" not in request, "the name is generated later"


async def test_webhooks_run_by_name_and_place_and_again_when_a_later_one_changed_something(ask: Asker) -> None:
    order: list[str] = []

    def deciding(request: Object) -> Object:
        labels = request["object"]["metadata"].get("labels") or {}
        order.append(",".join(sorted(labels)) or "-")
        if "late" in labels or len(order) == 1:
            return {"allowed": True}
        return patching({"op": "add", "path": "/metadata/labels", "value": {"late": "yes"}})(request)

    ask.server.route_webhook(HOOKS, Hook(deciding))
    await register(ask, "mutating", hook("second"), name="b")
    await register(ask, "mutating", hook("first", reinvocationPolicy="IfNeeded"), name="a")
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})
    assert order == ["-", "-", "late"]


@pytest.mark.parametrize(
    ("more", "called"),
    [
        ({"rules": [rule("secrets")]}, False),
        ({"rules": [rule("*/*", "*")]}, True),
        ({"rules": [rule("configmaps/status")]}, False),
        ({"rules": [{**rule(), "scope": "Cluster"}]}, False),
        ({"rules": [{**rule(), "scope": "Namespaced"}]}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}]}}, False),
        ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
        ({"objectSelector": {"matchLabels": {"app": "db"}}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'a'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "request.userInfo.username == 'bob'"}]}, False),
        ({"matchConditions": [{"name": "c", "expression": "oldObject != null"}]}, False),
    ],
)
async def test_rules_selectors_and_conditions_choose_requests(ask: Asker, more: Object, called: bool) -> None:
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "validating", hook("check", **more))
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a", "labels": {"app": "web"}}})
    assert bool(seen.seen) is called


async def test_an_equivalent_version_is_matched_and_sent_unless_the_policy_is_exact(ask: Asker) -> None:
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    rules = [rule("events", group="events.k8s.io")]
    await register(ask, "validating", hook("loose", rules=rules), hook("exact", rules=rules, matchPolicy="Exact"))
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "default"}, "message": "hi"}
    await ask.post("/api/v1/namespaces/default/events", event)
    (request,) = seen.seen
    assert request["resource"]["group"] == "events.k8s.io"
    assert request["requestResource"]["group"] == ""
    assert request["object"]["note"] == "hi"


async def test_failures_are_refusals_or_ignored_as_the_policy_says(ask: Asker) -> None:
    await register(ask, "validating", hook("gone"))
    code, body = await ask("POST", CONFIGMAPS, {"metadata": {"name": "a"}})
    text = 'failed calling webhook "gone.example.com": failed to call webhook: '
    text += 'Post "https://hooks.default.svc:443/gone?timeout=10s": service "hooks" not found'
    assert (code, body["reason"], body["message"]) == (500, "InternalError", f"Internal error occurred: {text}")
    assert body["details"]["causes"] == [{"message": text}]
    await ask("DELETE", f"{REGISTRATION}/validatingwebhookconfigurations/test")
    await register(ask, "validating", hook("gone", failurePolicy="Ignore"))
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        ({"uid": "other", "allowed": True}, 'expected response.uid="{uid}", got "other"'),
        (
            {"allowed": True, "patch": "e30=", "patchType": "JSONPatch"},
            "validating webhook may not return response.patch",
        ),
    ],
)
async def test_an_answer_that_does_not_fit_is_a_failure(ask: Asker, response: Object, complaint: str) -> None:
    seen = Hook(lambda _: response)
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "validating", hook("odd"))
    code, body = await ask("POST", CONFIGMAPS, {"metadata": {"name": "a"}})
    wanted = complaint.replace("{uid}", seen.seen[0]["uid"])
    assert code == 500
    assert body["message"].endswith(f'"odd.example.com": received invalid webhook response: {wanted}')


@pytest.mark.virtual_time
async def test_a_webhook_has_its_time_and_no_more(ask: Asker) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(60)

    ask.server.route_webhook(HOOKS, slow)
    await register(ask, "validating", hook("slow", timeoutSeconds=3))
    before = anyio.current_time()
    code, body = await ask("POST", CONFIGMAPS, {"metadata": {"name": "a"}})
    assert anyio.current_time() - before == pytest.approx(3)
    assert (code, body["message"].rpartition("timeout=3s")[2]) == (500, '": context deadline exceeded')


async def test_dry_runs_reach_only_webhooks_without_side_effects(ask: Asker) -> None:
    seen = Hook(allowed)
    ask.server.route_webhook(HOOKS, seen)
    await register(ask, "validating", hook("pure"))
    assert (await ask("POST", f"{CONFIGMAPS}?dryRun=All", {"metadata": {"name": "a"}}))[0] == 201
    assert seen.seen[0]["dryRun"] is True


async def test_warnings_become_headers(ask: Asker) -> None:
    ask.server.route_webhook(HOOKS, Hook(lambda _: {"allowed": True, "warnings": ["careful", "careful"]}))
    await register(ask, "validating", hook("warn"))
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})
    assert ask.warnings == ["careful"]


async def test_a_webhook_is_asked_again_about_what_another_wrote_meanwhile(ask: Asker) -> None:
    await ask.post(CONFIGMAPS, {"metadata": {"name": "a"}})
    versions: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not versions:
            # somebody else is faster, through the same server and without deadlock
            versions.append("first")
            await other.merge(f"{CONFIGMAPS}/a", {"data": {"other": "1"}})
        await inner(scope, receive, send)

    inner, other = Hook(allowed), Asker(ask.server)
    ask.server.route_webhook(HOOKS, app)
    conditions = [{"name": "mine", "expression": "request.userInfo.username == 'alice'"}]
    await register(ask, "validating", hook("check", matchConditions=conditions))
    code, made = await ask.acting("alice").merge(f"{CONFIGMAPS}/a", {"data": {"mine": "1"}})
    assert (code, made["data"]) == (200, {"mine": "1", "other": "1"})
    assert [sorted(request["object"]["data"]) for request in inner.seen] == [["mine"], ["mine", "other"]]


async def test_configurations_are_not_subject_to_webhooks(ask: Asker) -> None:
    await register(ask, "validating", hook("gone", rules=[rule("*", "*", group="*", version="*")]))
    assert (await ask("DELETE", f"{REGISTRATION}/validatingwebhookconfigurations/test"))[0] == 200


async def test_every_object_of_a_collection_is_asked_about_before_one_goes(ask: Asker) -> None:
    for name in ("a", "b"):
        await ask.post(CONFIGMAPS, {"metadata": {"name": name}})

    def keep_b(request: Object) -> Object:
        return {"allowed": request["name"] != "b", "status": {"message": "not b"}}

    ask.server.route_webhook(HOOKS, Hook(keep_b))
    await register(ask, "validating", hook("keep", rules=[rule("configmaps", "DELETE")]))
    code, body = await ask("DELETE", CONFIGMAPS)
    assert (code, body["message"]) == (400, 'admission webhook "keep.example.com" denied the request: not b')
    assert len((await ask.get(CONFIGMAPS))["items"]) == 2


async def test_the_defaults_of_configurations_are_filled_in(ask: Asker) -> None:
    await register(ask, "mutating", hook("change"))
    found = (await ask.get(f"{REGISTRATION}/mutatingwebhookconfigurations/test"))["webhooks"][0]
    assert found["clientConfig"]["service"]["port"] == 443
    assert (found["failurePolicy"], found["matchPolicy"], found["timeoutSeconds"]) == ("Fail", "Equivalent", 10)
    assert (found["namespaceSelector"], found["objectSelector"], found["reinvocationPolicy"]) == ({}, {}, "Never")
    assert found["rules"][0]["scope"] == "*"


async def test_broken_configurations_are_refused_with_the_servers_words(ask: Asker) -> None:
    broken = hook("x", sideEffects="Some", timeoutSeconds=99, clientConfig={}, admissionReviewVersions=["v7"]) | {
        "name": "x"
    }
    code, body = await ask(
        "POST", f"{REGISTRATION}/validatingwebhookconfigurations", {"metadata": {"name": "c"}, "webhooks": [broken]}
    )
    assert code == 422
    assert [(cause["field"], cause["message"]) for cause in body["details"]["causes"]] == [
        ("webhooks[0].name", 'Invalid value: "x": should be a domain with at least three segments separated by dots'),
        ("webhooks[0].sideEffects", 'Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
        ("webhooks[0].timeoutSeconds", "Invalid value: 99: the timeout value must be between 1 and 30 seconds"),
        ("webhooks[0].clientConfig", "Required value: exactly one of url or service is required"),
        ("webhooks[0].admissionReviewVersions", 'Invalid value: ["v7"]: must include at least one of v1, v1beta1'),
    ]
