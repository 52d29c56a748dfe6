"""Conversion webhooks: objects from version to version through the hub, their metadata kept."""

import asyncio
import logging
from typing import Any

import pytest

from kubernaut.reconcile.webhooks import BadReview, Conversion, ConversionError, ConversionWebhook, Spoke
from kubernaut.resources import Model, ObjectMeta, Resource
from tests.reconcile.webhooks.reviews import Gadget

GROUP = "apiextensions.k8s.io"


class TaskV1Spec(Model):
    run_at: str = ""


class TaskV1(Resource, group="jobs.example.dev", version="v1", kind="Task"):
    spec: TaskV1Spec = TaskV1Spec()


class TaskV2Spec(Model):
    schedule_at: str = ""


class TaskV2(Resource, group="jobs.example.dev", version="v2", kind="Task"):
    spec: TaskV2Spec = TaskV2Spec()


class TaskV3Spec(Model):
    deferred_at: str = ""


class TaskV3(Resource, group="jobs.example.dev", version="v3", kind="Task"):
    spec: TaskV3Spec = TaskV3Spec()


def v1_to_hub(old: TaskV1) -> TaskV2:
    if old.spec.run_at == "broken":
        raise ZeroDivisionError("secret")
    if old.spec.run_at == "never":
        raise ConversionError("never cannot be said in v2")
    return TaskV2(metadata=old.metadata, spec=TaskV2Spec(schedule_at=old.spec.run_at))


def hub_to_v1(new: TaskV2) -> TaskV1:
    return TaskV1(metadata=new.metadata, spec=TaskV1Spec(run_at=new.spec.schedule_at))


async def v3_to_hub(other: TaskV3) -> TaskV2:
    await asyncio.sleep(0)
    return TaskV2(spec=TaskV2Spec(schedule_at=other.spec.deferred_at))


async def hub_to_v3(hub: TaskV2) -> TaskV3:
    await asyncio.sleep(0)
    return TaskV3(spec=TaskV3Spec(deferred_at=hub.spec.schedule_at))


SPOKES = (Spoke(TaskV1, v1_to_hub, hub_to_v1), Spoke(TaskV3, v3_to_hub, hub_to_v3))
WEBHOOK = ConversionWebhook(Conversion(TaskV2, *SPOKES))
FIELD = {"v1": "runAt", "v2": "scheduleAt", "v3": "deferredAt"}


def task(version: str, at: str = "noon", **metadata: Any) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "shop", "uid": "u", "creationTimestamp": "2024-01-01T00:00:00Z", **metadata}
    return {
        "apiVersion": f"jobs.example.dev/{version}",
        "kind": "Task",
        "metadata": meta,
        "spec": {FIELD[version]: at},
    }


def review(to: str, *objects: Any, version: str = "v1", uid: str = "review-1") -> dict[str, Any]:
    request = {"uid": uid, "desiredAPIVersion": to if "/" in to else f"jobs.example.dev/{to}", "objects": list(objects)}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "ConversionReview", "request": request}


async def ask(to: str, *objects: Any, webhook: ConversionWebhook = WEBHOOK) -> dict[str, Any]:
    response: dict[str, Any] = (await webhook.review(review(to, *objects)))["response"]
    return response


async def failure(to: str, *objects: Any, webhook: ConversionWebhook = WEBHOOK) -> str:
    response = await ask(to, *objects, webhook=webhook)
    assert response["result"]["status"] == "Failure"
    assert response["convertedObjects"] == []
    message: str = response["result"]["message"]
    return message


@pytest.mark.parametrize(
    ("version", "to"), [("v1", "v2"), ("v2", "v1"), ("v2", "v3"), ("v3", "v2"), ("v1", "v3"), ("v3", "v1")]
)
async def test_every_version_is_converted_to_every_other(version: str, to: str) -> None:
    assert await ask(to, task(version)) == {
        "uid": "review-1",
        "convertedObjects": [task(to)],
        "result": {"status": "Success"},
    }


async def test_a_list_is_converted_in_its_order() -> None:
    objects = [task(version, str(at), name=f"t{at}") for at, version in enumerate(["v1", "v3", "v1"] * 40)]
    converted = (await ask("v2", *objects))["convertedObjects"]
    assert [(obj["metadata"]["name"], obj["spec"]) for obj in converted] == [
        (f"t{at}", {"scheduleAt": str(at)}) for at in range(120)
    ]


async def test_no_objects_are_converted_to_none() -> None:
    assert (await ask("v2"))["convertedObjects"] == []


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_uid_and_version_of_the_review_are_echoed(version: str) -> None:
    answer = await WEBHOOK.review(review("v2", task("v1"), version=version, uid="u-9"))
    assert (answer["apiVersion"], answer["kind"]) == (f"{GROUP}/{version}", "ConversionReview")
    assert answer["response"]["uid"] == "u-9"


async def test_several_kinds_share_a_webhook() -> None:
    class NewGadget(Resource, group="example.dev", version="v2", kind="Gadget"):
        pass

    gadgets = Conversion(NewGadget, Spoke(Gadget, lambda old: NewGadget(), lambda new: Gadget()))
    webhook = ConversionWebhook(Conversion(TaskV2, *SPOKES), gadgets)
    old = {"apiVersion": "example.dev/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    [new] = (await ask("example.dev/v2", old, webhook=webhook))["convertedObjects"]
    assert (new["apiVersion"], new["metadata"]) == ("example.dev/v2", {"name": "g"})
    assert (await ask("v2", task("v1"), webhook=webhook))["convertedObjects"] == [task("v2")]


# Failures.


async def test_one_object_that_fails_fails_the_review_and_is_named() -> None:
    message = await failure("v2", task("v1"), task("v1", "never", name="b"), task("v1"))
    assert message == "Task shop/b: never cannot be said in v2"


async def test_an_error_in_a_function_fails_the_review_and_tells_only_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = await failure("v2", task("v1", "broken"))
    assert message == "Task shop/a: the conversion failed in review review-1: see its log"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError" in caplog.text


async def test_an_object_that_does_not_fit_its_version_fails_the_review_and_names_the_field() -> None:
    broken = {**task("v1"), "spec": {"runAt": ["noon"]}}
    assert (await failure("v2", broken)).startswith("Task shop/a: the object does not fit TaskV1: spec.runAt: ")


@pytest.mark.parametrize(
    ("to", "obj", "message"),
    [
        ("other.example.dev/v2", task("v1"), "cannot become one of other.example.dev"),
        ("v1", task("v1"), "in version v1 already"),
        ("v9", task("v1"), "version v9 is not known, only v2, v1, v3"),
        ("v2", {**task("v1"), "apiVersion": "jobs.example.dev/v0"}, "version v0 is not known"),
        ("v2", {**task("v1"), "kind": "Chore"}, "no conversion is known"),
        ("apps/v1", {**task("v1"), "apiVersion": "apps/v1beta1", "kind": "Deployment"}, "no conversion is known"),
        ("v2", {}, "an object without a kind: no conversion"),
    ],
)
async def test_what_cannot_be_converted_fails_the_review(to: str, obj: Any, message: str) -> None:
    assert message in await failure(to, obj)


async def test_a_function_that_returns_something_else_fails_the_review() -> None:
    wrong: Any = Spoke(TaskV1, lambda old: old, lambda new: None)
    webhook = ConversionWebhook(Conversion(TaskV2, wrong))
    for version, to in (("v1", "v2"), ("v2", "v1")):
        assert "the conversion failed" in await failure(to, task(version), webhook=webhook)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x", "no JSON object"),
        ({}, "has no request"),
        ({**review("v2"), "kind": "AdmissionReview"}, "no ConversionReview"),
        ({"request": {"uid": "u"}}, "request.desiredAPIVersion"),
        ({"request": {"uid": "u", "desiredAPIVersion": "a/v1", "objects": [1]}}, r"request.objects.0"),
    ],
)
async def test_what_is_no_review_is_refused_with_its_fault(body: Any, message: str) -> None:
    with pytest.raises(BadReview, match=message):
        await WEBHOOK.review(body)


# Metadata.


def converting(change: Any) -> ConversionWebhook:
    def to_hub(old: TaskV1) -> TaskV2:
        new = TaskV2(metadata=old.metadata.model_copy(deep=True))
        change(new)
        return new

    return ConversionWebhook(Conversion(TaskV2, Spoke(TaskV1, to_hub, hub_to_v1)))


FULL: dict[str, Any] = {
    "labels": {"l": "1"},
    "annotations": {"a": "1"},
    "resourceVersion": "7",
    "generation": 2,
    "finalizers": ["f"],
    "managedFields": [{"manager": "m"}],
    "ownField": {"x": None},
    "creationTimestamp": "2024-01-01T00:00:00Z",
}


async def test_labels_and_annotations_may_change() -> None:
    def change(new: TaskV2) -> None:
        new.metadata.labels = {"l": "2", "m": "3"}
        new.metadata.annotations.clear()

    old = task("v1", **FULL)
    [new] = (await ask("v2", old, webhook=converting(change)))["convertedObjects"]
    kept = {key: value for key, value in old["metadata"].items() if key != "annotations"}
    assert new["metadata"] == {**kept, "labels": {"l": "2", "m": "3"}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("namespace", "other"),
        ("uid", "other"),
        ("finalizers", ["g"]),
        ("generation", 3),
        ("resource_version", "8"),
    ],
)
async def test_other_metadata_must_not_change(field: str, value: Any) -> None:
    message = await failure(
        "v2", task("v1", **FULL), webhook=converting(lambda new: setattr(new.metadata, field, value))
    )
    assert message.startswith("Task shop/a: the conversion changed metadata.")


async def test_metadata_that_is_left_out_is_kept() -> None:
    def bare(new: TaskV2) -> None:
        new.metadata = ObjectMeta(annotations={"b": "2"})

    old = task("v1", **FULL)
    [new] = (await ask("v2", old, webhook=converting(bare)))["convertedObjects"]
    assert new["metadata"] == {**old["metadata"], "annotations": {"a": "1", "b": "2"}}


async def test_metadata_that_is_given_in_part_is_completed() -> None:
    def partly(new: TaskV2) -> None:
        new.metadata = ObjectMeta(name="a", namespace="shop", labels={"only": "this"})

    old = task("v1", **FULL)
    [new] = (await ask("v2", old, webhook=converting(partly)))["convertedObjects"]
    kept = {key: value for key, value in old["metadata"].items() if key not in ("labels", "annotations")}
    assert new["metadata"] == {**kept, "labels": {"only": "this"}}


# The set-up.


class TaskV3Twin(Resource, group="jobs.example.dev", version="v3", kind="Task"):
    pass


@pytest.mark.parametrize(
    ("spokes", "message"),
    [
        ((), "needs a spoke"),
        ((Spoke(Gadget, lambda old: TaskV2(), lambda new: Gadget()),), "no version of Task"),
        ((*SPOKES, Spoke(TaskV3Twin, lambda old: TaskV2(), lambda new: TaskV3Twin())), "version v3 is given twice"),
        ((Spoke(TaskV2, lambda old: old, lambda new: new),), "version v2 is given twice"),
    ],
)
def test_versions_that_do_not_go_together_are_refused(spokes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conversion(TaskV2, *spokes)


def test_two_conversions_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="two conversions"):
        ConversionWebhook(Conversion(TaskV2, *SPOKES), Conversion(TaskV2, SPOKES[0]))
