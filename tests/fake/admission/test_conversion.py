"""CRDs of several versions: conversion by a webhook, in reads, lists, watches and writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from kubernaut.fake.apiserver.messages import Request, Stream
from tests.fake.admission.asking import HOOKS, Asker, Object

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "example.dev"
V1, V2 = (f"/apis/{GROUP}/{version}/namespaces/default/widgets" for version in ("v1", "v2"))
SERVICE = {"service": {"name": "hooks", "namespace": "default", "path": "/convert"}}
WEBHOOK = {"strategy": "Webhook", "webhook": {"clientConfig": SERVICE, "conversionReviewVersions": ["v1"]}}


def version(name: str, *, storage: bool) -> Object:
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {"name": name, "served": True, "storage": storage, "schema": schema}


def crd(conversion: Object | None = WEBHOOK, stored: str = "v2") -> Object:
    names = {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"}
    versions = [version(name, storage=name == stored) for name in ("v1", "v2")]
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}
    return {
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {**spec, **({"conversion": conversion} if conversion else {})},
    }


def renaming(obj: Object, desired: str) -> Object:
    """v1 has spec.size, v2 has spec.length."""
    old, new = ("size", "length") if desired.endswith("v2") else ("length", "size")
    spec = {new if key == old else key: value for key, value in obj["spec"].items()}
    return {**obj, "apiVersion": desired, "spec": spec}


@dataclass
class Conversion:
    """An ASGI application that converts; `result` of a review may be replaced."""

    convert: Callable[[Object, str], Object] = renaming
    result: Object = field(default_factory=lambda: {"status": "Success"})
    asked: list[int] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        review = json.loads((await receive())["body"])
        request = review["request"]
        self.asked.append(len(request["objects"]))
        converted = [self.convert(obj, request["desiredAPIVersion"]) for obj in request["objects"]]
        response = {"uid": request["uid"], "result": self.result, "convertedObjects": converted}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})


async def prepared(ask: Asker) -> Conversion:
    conversion = Conversion()
    ask.server.route_webhook(HOOKS, conversion)
    await ask.post(CRDS, crd())
    return conversion


def widget(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": spec}


async def test_each_version_is_written_and_read_as_itself(ask: Asker) -> None:
    await prepared(ask)
    made = await ask.post(V1, widget("a", size=3))
    assert (made["apiVersion"], made["spec"]) == (f"{GROUP}/v1", {"size": 3})
    seen = await ask.get(f"{V2}/a")
    assert (seen["apiVersion"], seen["spec"]) == (f"{GROUP}/v2", {"length": 3})
    assert seen["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    code, changed = await ask.merge(f"{V1}/a", {"spec": {"size": 4}})
    assert (code, changed["spec"], changed["metadata"]["generation"]) == (200, {"size": 4}, 2)
    assert (await ask.get(f"{V2}/a"))["spec"] == {"length": 4}


async def test_a_list_is_one_review_and_content_that_is_known_none(ask: Asker) -> None:
    conversion = await prepared(ask)
    for name in "abc":
        await ask.post(V2, widget(name, length=1))
    assert conversion.asked == []
    assert [item["spec"] for item in (await ask.get(V1))["items"]] == [{"size": 1}] * 3
    assert conversion.asked == [3]
    await ask.get(V1)
    await ask.get(f"{V1}/a")
    assert conversion.asked == [3]


async def test_a_watch_shows_its_own_version(ask: Asker) -> None:
    await prepared(ask)
    await ask.post(V2, widget("a", length=1))
    url = f"/apis/{GROUP}/v1/namespaces/default/widgets"
    answer = await ask.server.answer(Request("GET", url, {"watch": ["true"], "timeoutSeconds": ["1"]}, {}))
    assert isinstance(answer, Stream)
    events = []
    with anyio.fail_after(5):
        async for chunk in answer.chunks:
            events += [json.loads(line) for line in chunk.splitlines()]
            if len(events) == 1:
                await ask("DELETE", f"{V2}/a")
            if len(events) == 2:
                break
    assert [(event["type"], event["object"]["spec"]) for event in events] == [
        ("ADDED", {"size": 1}),
        ("DELETED", {"size": 1}),
    ]


async def test_a_collection_is_deleted_at_either_version(ask: Asker) -> None:
    await prepared(ask)
    for name in "ab":
        await ask.post(V2, widget(name, length=1))
    code, deleted = await ask("DELETE", V1)
    assert (code, [item["spec"] for item in deleted["items"]]) == (200, [{"size": 1}] * 2)
    assert (await ask.get(V2))["items"] == []


async def test_failures_read_as_on_a_real_server_and_are_asked_again(ask: Asker) -> None:
    conversion = await prepared(ask)
    await ask.post(V2, widget("a", length=1))
    conversion.result = {"status": "Failure", "message": "not today"}
    code, body = await ask("GET", f"{V1}/a")
    head = "conversion webhook for example.dev/v2, Kind=Widget"
    assert (code, body["message"]) == (500, f"{head} failed: not today")
    conversion.result = {"status": "Success"}
    conversion.convert = lambda obj, desired: {
        **obj,
        "apiVersion": desired,
        "metadata": {**obj["metadata"], "name": "b"},
    }
    code, body = await ask("GET", f"{V1}/a")
    assert (code, body["message"]) == (500, f"{head} returned invalid metadata: must have the same name: a != b")
    conversion.convert = renaming
    assert (await ask.get(f"{V1}/a"))["spec"] == {"size": 1}


async def test_a_webhook_that_is_not_there_fails_reads_of_other_versions_only(ask: Asker) -> None:
    await ask.post(CRDS, crd())
    await ask.post(V2, widget("a", length=1))
    code, body = await ask("GET", f"{V1}/a")
    reason = 'Post "https://hooks.default.svc:443/convert?timeout=30s": service "hooks" not found'
    assert (code, body["message"]) == (500, f"conversion webhook for example.dev/v2, Kind=Widget failed: {reason}")
    assert (await ask("GET", f"{V2}/a"))[0] == 200


async def test_without_a_webhook_only_the_version_changes(ask: Asker) -> None:
    await ask.post(CRDS, crd(None))
    await ask.post(V1, widget("a", size=3))
    seen = await ask.get(f"{V2}/a")
    assert (seen["apiVersion"], seen["spec"]) == (f"{GROUP}/v2", {"size": 3})


async def test_objects_stored_before_the_storage_version_changed_are_still_read(ask: Asker) -> None:
    await ask.post(CRDS, crd(None, stored="v1"))
    await ask.post(V1, widget("a", size=3))
    live = await ask.get(f"{CRDS}/widgets.{GROUP}")
    live["spec"] = crd(WEBHOOK)["spec"]
    code, changed = await ask("PUT", f"{CRDS}/widgets.{GROUP}", live)
    assert code == 200, changed
    assert (await ask.get(f"{CRDS}/widgets.{GROUP}"))["status"]["storedVersions"] == ["v1", "v2"]
    ask.server.route_webhook(HOOKS, Conversion())
    assert (await ask.get(f"{V1}/a"))["spec"] == {"size": 3}
    assert (await ask.get(f"{V2}/a"))["spec"] == {"length": 3}


async def test_a_strategy_without_its_webhook_is_invalid(ask: Asker) -> None:
    code, body = await ask("POST", CRDS, crd({"strategy": "Webhook"}))
    fields = [cause["field"] for cause in body["details"]["causes"]]
    wanted = ["spec.conversion.webhook.clientConfig", "spec.conversion.webhook.conversionReviewVersions"]
    assert (code, fields) == (422, wanted)
