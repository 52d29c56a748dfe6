"""The verbs send what Kubernetes expects and return what it answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from kubernaut.client import (
    ApplyPatch,
    Client,
    Conflict,
    Expired,
    InternalError,
    JsonPatch,
    MergePatch,
    NotFound,
    Transport,
    TransportRequest,
    TransportResponse,
    Unauthorized,
    Written,
)
from kubernaut.resources import Model, ObjectMeta, Resource


class WidgetSpec(Model):
    size: int = 1
    color: str | None = None


class Widget(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: WidgetSpec = WidgetSpec()


class Room(Resource, group="example.dev", version="v1", scope="Cluster"):
    pass


Answer = tuple[int, object] | Callable[[TransportRequest], tuple[int, object]]


class Scripted:
    """A transport that gives the next answer and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[TransportRequest] = []
        self.closed = False
        self.refreshes: list[bool] = []  # what `refresh` answers, in turn

    async def refresh(self) -> bool:
        return self.refreshes.pop(0) if self.refreshes else False

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        self.requests.append(request)
        answer = self.answers.pop(0)
        status, body = answer(request) if callable(answer) else answer
        chunks = body if isinstance(body, list) else [msgspec.json.encode(body)]

        async def read() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        yield TransportResponse(status, {}, read())

    async def aclose(self) -> None:
        self.closed = True

    @property
    def last(self) -> TransportRequest:
        return self.requests[-1]

    def sent(self) -> Any:
        return msgspec.json.decode(self.last.body or b"")


def widget(name: str = "a", version: str = "1", **metadata: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n", "uid": f"uid-{name}", "resourceVersion": version, **metadata}
    return {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": meta, "spec": {"size": 3}}


def status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": reason}


def page(*items: dict[str, Any], token: str = "", version: str = "10") -> dict[str, Any]:
    return {"kind": "WidgetList", "metadata": {"resourceVersion": version, "continue": token}, "items": list(items)}


PATH = "/apis/example.dev/v1/namespaces/n/widgets"


async def test_get_decodes_the_object() -> None:
    wire = Scripted((200, widget()))
    got = await Client(wire).get(Widget, "a", namespace="n")
    assert (wire.last.method, wire.last.path) == ("GET", f"{PATH}/a")
    assert got.spec.size == 3
    assert isinstance(got, Widget)


async def test_an_error_answer_is_raised_by_its_reason() -> None:
    with pytest.raises(NotFound):
        await Client(Scripted((404, status(404, "NotFound")))).get(Widget, "a", namespace="n")


async def test_a_namespaced_kind_needs_its_namespace_and_a_cluster_scoped_one_does_not() -> None:
    wire = Scripted((200, {"metadata": {"name": "r"}}))
    with pytest.raises(ValueError, match="namespace"):
        await Client(wire).get(Widget, "a")
    with pytest.raises(ValueError, match="name"):
        await Client(wire).get(Widget, "", namespace="n")
    await Client(wire).get(Room, "r")
    assert wire.last.path == "/apis/example.dev/v1/rooms/r"


async def test_list_reads_all_pages_and_decodes_as_it_is_read() -> None:
    wire = Scripted((200, page(widget("a"), token="t")), (200, page(widget("b"), {"broken": 1})))
    widgets = await Client(wire).list(Widget, labels={"app": "x", "tier": "y"}, fields="metadata.name=a")
    assert len(widgets) == 3
    assert [widgets[0].name, widgets[1].name] == ["a", "b"]
    assert [w.name for w in widgets[0:2]] == ["a", "b"]
    assert widgets[0] is not widgets[0]
    assert widgets.resource_version == "10"
    first, second = (dict(request.query) for request in wire.requests)
    assert wire.requests[0].path == "/apis/example.dev/v1/widgets"
    assert first == {"labelSelector": "app=x,tier=y", "fieldSelector": "metadata.name=a", "limit": "500"}
    assert second == {**first, "continue": "t"}


async def test_list_with_a_limit_stops_after_one_page() -> None:
    wire = Scripted((200, page(widget("a"), token="t")))
    widgets = await Client(wire).list(Widget, namespace="n", limit=1)
    assert (len(widgets), widgets.continue_token) == (1, "t")


async def test_list_starts_over_without_pages_when_its_token_expires() -> None:
    wire = Scripted((200, page(widget("a"), token="t")), (410, status(410, "Expired")), (200, page(widget("b"))))
    widgets = await Client(wire).list(Widget, namespace="n", labels="x")
    assert [w.name for w in widgets] == ["b"]
    assert wire.last.query == (("labelSelector", "x"),)


async def test_create_update_and_status_name_the_manager() -> None:
    wire = Scripted(*[(200, widget())] * 3)
    client = Client(wire, field_manager="me")
    obj = Widget(metadata=ObjectMeta(name="a", namespace="n"))
    await client.create(obj, dry_run=True)
    await client.update(obj)
    await client.update_status(obj)
    lines = [(request.method, request.path, request.query) for request in wire.requests]
    manager = ("fieldManager", "me")
    assert lines == [
        ("POST", PATH, (manager, ("dryRun", "All"))),
        ("PUT", f"{PATH}/a", (manager,)),
        ("PUT", f"{PATH}/a/status", (manager,)),
    ]
    assert wire.last.headers["content-type"] == "application/json"


async def test_create_takes_the_namespace_it_is_given() -> None:
    wire = Scripted((201, widget()))
    await Client(wire).create(Widget(metadata=ObjectMeta(generate_name="a-")), namespace="n")
    assert wire.last.path == PATH


async def test_patches_carry_their_content_type() -> None:
    wire = Scripted(*[(200, widget())] * 3)
    client = Client(wire)
    await client.patch(Widget, "a", MergePatch({"spec": {"color": None}}), namespace="n", subresource="status")
    assert (wire.last.path, wire.sent()) == (f"{PATH}/a/status", {"spec": {"color": None}})
    assert wire.last.headers["content-type"] == "application/merge-patch+json"
    await client.patch(Widget, "a", JsonPatch([{"op": "remove", "path": "/x"}]), namespace="n")
    assert wire.sent() == [{"op": "remove", "path": "/x"}]
    await client.patch(Widget, "a", ApplyPatch({}, force=False, field_manager="o"), namespace="n", dry_run=True)
    assert wire.last.query == (("fieldManager", "o"), ("force", "false"), ("dryRun", "All"))


async def test_apply_sends_what_was_set_and_its_owner() -> None:
    wire = Scripted((200, widget("child")))
    owner = Widget.from_dict(widget("owner"))
    await Client(wire).apply(Widget(metadata=ObjectMeta(name="child"), spec=WidgetSpec(color="red")), owner=owner)
    assert (wire.last.method, wire.last.path) == ("PATCH", f"{PATH}/child")
    assert wire.last.headers["content-type"] == "application/apply-patch+yaml"
    assert wire.last.query == (("fieldManager", "kubernaut"), ("force", "true"))
    assert wire.sent() == {
        "apiVersion": "example.dev/v1",
        "kind": "Widget",
        "metadata": {
            "name": "child",
            "namespace": "n",
            "ownerReferences": [
                {
                    "apiVersion": "example.dev/v1",
                    "kind": "Widget",
                    "name": "owner",
                    "uid": "uid-owner",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"color": "red"},
    }


async def test_apply_refuses_an_owner_in_another_namespace() -> None:
    owner = Widget.from_dict(widget("owner"))
    with pytest.raises(ValueError, match="cannot own"):
        await Client(Scripted()).apply(Widget(metadata=ObjectMeta(name="c", namespace="other")), owner=owner)
    with pytest.raises(ValueError, match="cannot own"):
        await Client(Scripted()).apply(Room(metadata=ObjectMeta(name="r")), owner=owner)


async def test_delete_sends_preconditions_and_tells_gone_from_going() -> None:
    kept = widget("a", "5", finalizers=["f"])
    wire = Scripted(
        (200, kept), (200, status(200, "")), (200, widget("a")), (200, widget("a", deletionGracePeriodSeconds=30))
    )
    seen: list[Written] = []
    client = Client(wire).observed_by(seen.append)
    going = await client.delete(
        Widget, "a", namespace="n", uid="u", resource_version="4", propagation="Foreground", grace_period=0
    )
    assert going is not None
    assert wire.sent() == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u", "resourceVersion": "4"},
        "propagationPolicy": "Foreground",
        "gracePeriodSeconds": 0,
    }
    assert await client.delete(Widget, "a", namespace="n", uid="u") is None
    assert await client.delete(Widget, "a", namespace="n") is None
    assert await client.delete(Widget, "a", namespace="n") is not None
    told = [(w.deleted, w.uid, w.resource_version) for w in seen]
    assert told == [(False, "uid-a", "5"), (True, "u", ""), (True, "uid-a", ""), (False, "uid-a", "1")]


async def test_observers_hear_of_writes_that_were_accepted_and_of_no_dry_run() -> None:
    wire = Scripted((200, widget("a", "7")), (200, widget("a", "8")), (409, status(409, "Conflict")))
    first: list[Written] = []
    second: list[Written] = []
    client = Client(wire).observed_by(first.append).observed_by(second.append)
    obj = Widget(metadata=ObjectMeta(name="a", namespace="n"))
    await client.apply(obj)
    await client.apply(obj, dry_run=True)
    with pytest.raises(Conflict):
        await client.apply(obj)
    assert first == second == [Written(Widget.resource_type, "n", "a", "uid-a", "7", False)]


async def test_impersonation_sends_each_group() -> None:
    wire = Scripted(*[(200, widget())] * 2)
    client = Client(wire)
    await client.impersonating("bob", ["g", "h"]).get(Widget, "a", namespace="n")
    assert wire.last.headers["impersonate-user"] == "bob"
    assert wire.last.headers["impersonate-group"] == ("g", "h")
    await client.get(Widget, "a", namespace="n")
    assert "impersonate-user" not in wire.last.headers


async def test_only_the_first_client_closes_the_transport() -> None:
    wire = Scripted()
    async with Client(wire) as client:
        await client.impersonating("bob").aclose()
        assert not wire.closed
    assert wire.closed


async def test_a_client_can_go_through_a_wrapped_transport() -> None:
    inner, outer = Scripted(), Scripted((200, widget()))

    def wrap(transport: Transport) -> Transport:
        assert transport is inner
        return outer

    await Client(inner).through(wrap).get(Widget, "a", namespace="n")
    assert len(outer.requests) == 1


async def test_request_is_raw() -> None:
    wire = Scripted((200, {"gitVersion": "v1"}), (200, {}))
    client = Client(wire)
    response = await client.request("GET", "/version", headers={"accept": "x"})
    assert msgspec.json.decode(response.body) == {"gitVersion": "v1"}
    assert wire.last.headers["accept"] == "x"
    await client.request("POST", "/x", body={"a": 1})
    assert wire.last.body == b'{"a":1}'


def frame(event: str, obj: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": event, "object": obj}) + b"\n"


async def test_watch_yields_typed_events_and_hides_bookmarks() -> None:
    frames = [frame("ADDED", widget("a")), frame("BOOKMARK", {"metadata": {}}), frame("DELETED", widget("a"))]
    wire = Scripted((200, frames))
    async with Client(wire).watch(Widget, namespace="n", resource_version="5", labels={"x": "y"}) as events:
        got = [(event.type, event.object.name) async for event in events]
    assert got == [("ADDED", "a"), ("DELETED", "a")]
    assert wire.last.stream
    assert dict(wire.last.query) == {
        "watch": "true",
        "labelSelector": "x=y",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
    }


async def test_an_error_in_the_stream_is_raised() -> None:
    wire = Scripted((200, [frame("ERROR", status(410, "Expired"))]))
    async with Client(wire).watch(Widget) as events:
        with pytest.raises(Expired):
            await anext(events)


async def test_a_refused_watch_is_raised_on_entry() -> None:
    with pytest.raises(InternalError):
        async with Client(Scripted((500, status(500, "InternalError")))).watch_raw(Widget.resource_type):
            pass


async def test_a_streaming_list_asks_for_its_initial_events() -> None:
    wire = Scripted((200, []))
    async with Client(wire).watch_raw(
        Widget.resource_type, timeout_seconds=300, send_initial_events=True, metadata_only=True
    ) as frames:
        assert [f async for f in frames] == []
    assert dict(wire.last.query) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "timeoutSeconds": "300",
    }
    assert wire.last.headers["accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


async def test_a_401_refreshes_the_credentials_and_asks_once_more() -> None:
    wire = Scripted((401, status(401, "Unauthorized")), (200, widget("a")))
    wire.refreshes = [True]
    assert (await Client(wire).get(Widget, "a", namespace="n")).name == "a"
    assert len(wire.requests) == 2


async def test_a_401_that_remains_is_raised_and_not_asked_for_ever() -> None:
    wire = Scripted((401, status(401, "Unauthorized")), (401, status(401, "Unauthorized")))
    wire.refreshes = [True, True]
    with pytest.raises(Unauthorized):
        await Client(wire).get(Widget, "a", namespace="n")
    assert len(wire.requests) == 2


async def test_a_401_without_newer_credentials_is_raised_at_once() -> None:
    wire = Scripted((401, status(401, "Unauthorized")))
    with pytest.raises(Unauthorized):
        await Client(wire).get(Widget, "a", namespace="n")
    assert len(wire.requests) == 1
