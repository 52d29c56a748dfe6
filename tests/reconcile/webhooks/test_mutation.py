"""Mutating webhooks: what handlers change becomes the patch, and nothing else does."""

from typing import Any

import pytest

from kubernaut.reconcile.webhooks import AdmissionRequest, AdmissionResponse, Denied, MutatingWebhook, RawWebhook
from kubernaut.resources import Duration, Model, Quantity, Resource, Time
from kubernaut.resources.builtin.core_v1 import Pod
from tests.reconcile.webhooks.reviews import Gadget, Part, ask, gadget, operations, patched


def paint(request: AdmissionRequest[Gadget]) -> None:
    request.target.spec.color = request.target.spec.color or "red"


def nothing(request: AdmissionRequest[Gadget]) -> None:
    """Changes nothing."""


async def test_a_change_becomes_a_patch_of_the_field_that_changed() -> None:
    response = await ask(MutatingWebhook(Gadget, paint), gadget(size=3))
    assert response["allowed"]
    assert operations(response) == [{"op": "add", "path": "/spec/color", "value": "red"}]


async def test_without_a_change_there_is_no_patch() -> None:
    for handler, obj in ((paint, gadget(color="blue")), (nothing, gadget())):
        response = await ask(MutatingWebhook(Gadget, handler), obj)
        assert response == {"uid": "review-1", "allowed": True, "status": {"code": 200}}


async def test_defaults_of_the_model_are_nobodys_change() -> None:
    bare = {"apiVersion": "example.dev/v1", "kind": "Gadget", "metadata": {"name": "a"}}
    response = await ask(MutatingWebhook(Gadget, paint), bare)
    assert operations(response) == [{"op": "add", "path": "/spec", "value": {"color": "red"}}]


async def test_a_default_that_a_handler_sets_is_its_change() -> None:
    def size(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec.size = 1

    response = await ask(MutatingWebhook(Gadget, size), gadget(color="red"))
    assert operations(response) == [{"op": "add", "path": "/spec/size", "value": 1}]
    assert "patch" not in await ask(MutatingWebhook(Gadget, size), gadget(size=1))


async def test_fields_the_model_does_not_know_stay() -> None:
    def grow(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec.color = "red"
        request.target.spec.parts[1].size += 1

    parts = [{"name": "x", "own": 1}, {"name": "y", "own": {"deep": None}}]
    obj = {**gadget(size=1, unknown={"a": None}, parts=parts), "extra": True}
    response = await ask(MutatingWebhook(Gadget, grow), obj)
    assert operations(response) == [
        {"op": "add", "path": "/spec/parts/1/size", "value": 2},
        {"op": "add", "path": "/spec/color", "value": "red"},
    ]
    assert patched(obj, response)["spec"]["unknown"] == {"a": None}


async def test_items_may_come_and_go() -> None:
    def change(request: AdmissionRequest[Gadget]) -> None:
        spec = request.target.spec
        spec.parts = [Part(name="z"), *spec.parts[1:]]
        spec.tags.append("new")
        request.target.metadata.labels["app"] = "shop"
        request.target.metadata.finalizers.append("example.dev/f")

    obj = gadget(parts=[{"name": "x"}, {"name": "y", "own": 1}], tags=["old"])
    response = await ask(MutatingWebhook(Gadget, change), obj)
    result = patched(obj, response)
    assert result["spec"] == {"parts": [{"name": "z"}, {"name": "y", "own": 1}], "tags": ["old", "new"]}
    assert (result["metadata"]["labels"], result["metadata"]["finalizers"]) == ({"app": "shop"}, ["example.dev/f"])


async def test_a_field_may_be_removed_or_its_parent_replaced() -> None:
    def clear(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec.color = None

    obj = gadget(size=1, color="red", own=1)
    assert operations(await ask(MutatingWebhook(Gadget, clear), obj)) == [{"op": "remove", "path": "/spec/color"}]

    def replace(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec = type(request.target.spec)(size=5)

    assert patched(obj, await ask(MutatingWebhook(Gadget, replace), obj))["spec"] == {"size": 5}


class TimedSpec(Model):
    every: Duration | None = None
    at: Time | None = None
    memory: Quantity = "1Gi"
    count: int = 0


class Timed(Resource, group="example.dev", version="v1"):
    spec: TimedSpec = TimedSpec()


async def test_values_that_the_model_writes_in_another_way_stay_as_they_came() -> None:
    def count(request: AdmissionRequest[Timed]) -> None:
        request.target.spec.count += 1

    spec = {"every": "300s", "at": "2024-01-01T01:00:00.5+01:00", "memory": "1024Mi"}
    obj = {"apiVersion": "example.dev/v1", "kind": "Timed", "metadata": {"name": "t"}, "spec": spec}
    response = await ask(MutatingWebhook(Timed, count), obj)
    assert operations(response) == [{"op": "add", "path": "/spec/count", "value": 1}]


async def test_handlers_change_one_object_in_turn() -> None:
    def grow(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec.size += 1
        request.warn("grown")

    response = await ask(MutatingWebhook(Gadget, grow, grow, paint), gadget(size=1))
    assert patched(gadget(size=1), response)["spec"] == {"size": 3, "color": "red"}
    assert response["warnings"] == ["grown", "grown"]


@pytest.mark.parametrize("error", [Denied("no"), ZeroDivisionError()])
async def test_a_request_that_is_refused_is_not_patched(error: Exception) -> None:
    def refuse(request: AdmissionRequest[Gadget]) -> None:
        raise error

    response = await ask(MutatingWebhook(Gadget, paint, refuse), gadget())
    assert not response["allowed"]
    assert "patch" not in response


async def test_a_deletion_passes_without_a_handler() -> None:
    def refuse(request: AdmissionRequest[Gadget]) -> None:
        raise Denied("never asked")

    assert await ask(MutatingWebhook(Gadget, refuse), None, gadget()) == {
        "uid": "review-1",
        "allowed": True,
        "status": {"code": 200},
    }


async def test_an_update_may_be_made_good_by_what_was_there() -> None:
    def keep_color(request: AdmissionRequest[Gadget]) -> None:
        if request.old_object is not None:
            request.target.spec.color = request.old_object.spec.color

    response = await ask(MutatingWebhook(Gadget, keep_color), gadget(size=2), gadget(color="blue"))
    assert operations(response) == [{"op": "add", "path": "/spec/color", "value": "blue"}]


async def test_an_object_that_does_not_fit_is_refused_as_invalid() -> None:
    response = await ask(MutatingWebhook(Gadget, paint), gadget(size="large"))
    assert (response["allowed"], response["status"]["code"]) == (False, 422)


async def test_a_value_that_no_server_would_take_refuses_with_500() -> None:
    def spoil(request: AdmissionRequest[Gadget]) -> None:
        request.target.spec.size = "large"  # type: ignore[assignment]

    assert (await ask(MutatingWebhook(Gadget, spoil), gadget()))["status"]["code"] == 500


async def test_a_built_in_kind_is_changed_in_place() -> None:
    def pull(request: AdmissionRequest[Pod]) -> None:
        for container in request.target.spec.containers:
            container.image = f"mirror.local/{container.image}"

    containers = [{"name": "a", "image": "nginx", "resources": {}, "terminationMessagePolicy": "File"}]
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    response = await ask(MutatingWebhook(Pod, pull), obj)
    assert operations(response) == [
        {"op": "replace", "path": "/spec/containers/0/image", "value": "mirror.local/nginx"}
    ]


async def test_a_raw_handler_patches_as_it_likes() -> None:
    patch = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]

    def handle(request: AdmissionRequest[dict[str, Any]]) -> AdmissionResponse:
        return AdmissionResponse(True, patch=patch)

    response = await ask(RawWebhook("/raw", handle, type="mutating"), gadget())
    assert operations(response) == patch
