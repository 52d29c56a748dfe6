"""Validating webhooks: what handlers see, and what their verdicts become."""

import asyncio
import logging
from typing import Any

import pytest

from kubernaut.client import Invalid, StatusCause
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    AdmissionResponse,
    BadReview,
    Denied,
    MutatingWebhook,
    RawWebhook,
    UndecodableObject,
    ValidatingWebhook,
)
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.core_v1 import Pod
from tests.reconcile.webhooks.reviews import Gadget, ask, gadget, request, review

OLD, NEW = gadget(size=1), gadget(size=2)
BROKEN = gadget(size="large")
LEAVING = {**BROKEN, "metadata": {**BROKEN["metadata"], "deletionTimestamp": "2024-01-01T00:00:00Z"}}

VERBS = pytest.mark.parametrize(
    ("obj", "old"), [(NEW, None), (NEW, OLD), (None, OLD)], ids=["CREATE", "UPDATE", "DELETE"]
)


def allow(request: AdmissionRequest[Gadget]) -> None:
    """Finds nothing wrong."""


def deny(request: AdmissionRequest[Gadget]) -> None:
    raise Denied("not today")


def look(request: AdmissionRequest[Any]) -> None:
    """Decodes what the request is about."""
    assert request.target is not None


def look_back(request: AdmissionRequest[Gadget]) -> None:
    """Decodes the old object."""
    assert request.old_object is not None


@VERBS
async def test_a_request_passes_when_its_handler_returns(obj: Any, old: Any) -> None:
    assert await ask(ValidatingWebhook(Gadget, allow), obj, old) == {
        "uid": "review-1",
        "allowed": True,
        "status": {"code": 200},
    }


@VERBS
async def test_a_request_that_passes_shows_its_warnings(obj: Any, old: Any) -> None:
    async def warn(request: AdmissionRequest[Gadget]) -> None:
        request.warn("first")
        request.warn("second")
        request.annotate_audit("seen", "yes")

    response = await ask(ValidatingWebhook(Gadget, warn), obj, old)
    assert (response["allowed"], response["warnings"]) == (True, ["first", "second"])
    assert response["auditAnnotations"] == {"seen": "yes"}


@VERBS
@pytest.mark.parametrize("warnings", [[], ["careful"]])
async def test_a_denial_becomes_the_status_that_users_see(obj: Any, old: Any, warnings: list[str]) -> None:
    def check(request: AdmissionRequest[Gadget]) -> None:
        for warning in warnings:
            request.warn(warning)
        causes = [StatusCause("FieldValueInvalid", "at most 10", "spec.size")]
        raise Denied("too large", reason="Invalid", code=422, causes=causes)

    response = await ask(ValidatingWebhook(Gadget, check), obj, old)
    assert response["allowed"] is False
    assert response.get("warnings", []) == warnings
    assert response["status"] == {
        "status": "Failure",
        "message": "too large",
        "reason": "Invalid",
        "code": 422,
        "details": {"causes": [{"reason": "FieldValueInvalid", "message": "at most 10", "field": "spec.size"}]},
    }


@VERBS
async def test_a_denial_is_forbidden_unless_it_says_otherwise(obj: Any, old: Any) -> None:
    status = (await ask(ValidatingWebhook(Gadget, deny), obj, old))["status"]
    assert (status["code"], status["reason"], status["message"]) == (403, "Forbidden", "not today")


@VERBS
async def test_an_api_error_of_a_handler_is_passed_on_as_its_status(obj: Any, old: Any) -> None:
    def check(request: AdmissionRequest[Gadget]) -> None:
        raise Invalid({"kind": "Status", "reason": "Invalid", "message": "no", "details": {"name": "a"}})

    response = await ask(ValidatingWebhook(Gadget, check), obj, old)
    assert not response["allowed"]
    assert response["status"]["code"] == 422
    assert response["status"]["details"] == {"name": "a"}


@VERBS
async def test_a_handler_that_fails_refuses_with_500_and_tells_only_the_log(
    obj: Any, old: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: AdmissionRequest[Gadget]) -> None:
        raise ZeroDivisionError("secret")

    response = await ask(ValidatingWebhook(Gadget, fail), obj, old)
    assert (response["uid"], response["allowed"], response["status"]["code"]) == ("review-1", False, 500)
    assert response["status"]["reason"] == "InternalError"
    assert "secret" not in str(response)
    assert "review-1" in response["status"]["message"]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.kubernaut["review"] == "review-1"  # type: ignore[attr-defined]


@pytest.mark.parametrize("verdict", [False, True, "too large"])
async def test_a_handler_that_returns_something_is_a_mistake_and_refuses(verdict: Any) -> None:
    response = await ask(ValidatingWebhook(Gadget, lambda request: verdict), NEW)
    assert (response["allowed"], response["status"]["code"]) == (False, 500)


async def test_handlers_run_in_order_and_the_first_denial_decides() -> None:
    ran = []

    def note(name: str) -> Any:
        def handler(request: AdmissionRequest[Gadget]) -> None:
            ran.append(name)
            request.warn(name)

        return handler

    response = await ask(ValidatingWebhook(Gadget, note("a"), deny, note("b")), NEW)
    assert (response["allowed"], response["warnings"], ran) == (False, ["a"], ["a"])
    response = await ask(ValidatingWebhook(Gadget, note("a"), note("b")), NEW)
    assert (response["allowed"], response["warnings"]) == (True, ["a", "b"])


async def test_a_handler_may_be_a_method_of_an_object() -> None:
    class Rules:
        limit = 1

        async def validate(self, request: AdmissionRequest[Gadget]) -> None:
            if request.target.spec.size > self.limit:
                raise Denied("too large")

    webhook = ValidatingWebhook(Gadget, Rules().validate)
    assert (await ask(webhook, OLD))["allowed"]
    assert not (await ask(webhook, NEW))["allowed"]


async def test_a_handler_sees_everything_the_server_sent() -> None:
    seen: list[AdmissionRequest[Gadget]] = []
    more = {
        "subResource": "status",
        "requestKind": {"group": "example.dev", "version": "v1beta1", "kind": "Gadget"},
        "requestResource": {"group": "example.dev", "version": "v1beta1", "resource": "gadgets"},
        "requestSubResource": "status",
        "dryRun": True,
    }
    await ask(ValidatingWebhook(Gadget, lambda request: seen.append(request)), NEW, OLD, **more)
    [found] = seen
    assert (found.uid, found.operation, found.name, found.namespace) == ("review-1", "UPDATE", "a", "shop")
    assert (found.kind.version, found.resource.resource, found.subresource) == ("v1", "gadgets", "status")
    assert (found.request_kind.version, found.request_resource.version) == ("v1beta1", "v1beta1")
    assert found.request_subresource == "status"
    assert (found.user.username, found.user.groups, found.user.extra) == ("ann", ["dev"], {"scopes": ["all"]})
    assert found.dry_run is True
    assert found.options["kind"] == "CreateOptions"
    assert found.object is not None
    assert found.old_object is not None
    assert (found.object.spec.size, found.old_object.spec.size, found.target) == (2, 1, found.object)
    assert found.object is found.object
    assert (found.raw_object, found.raw_old_object) == (NEW, OLD)


async def test_a_deletion_has_only_the_old_object_and_a_creation_only_the_new() -> None:
    seen: list[AdmissionRequest[Gadget]] = []
    webhook = ValidatingWebhook(Gadget, lambda request: seen.append(request))
    await ask(webhook, None, OLD)
    await ask(webhook, NEW)
    deletion, creation = seen
    assert (deletion.object, creation.old_object) == (None, None)
    assert (deletion.target.spec.size, creation.target.spec.size) == (1, 2)
    assert (creation.request_kind, creation.dry_run) == (creation.kind, False)


async def test_an_object_without_its_kind_is_decoded_all_the_same() -> None:
    bare = {key: value for key, value in NEW.items() if key not in ("apiVersion", "kind")}
    seen: list[int] = []
    webhook = ValidatingWebhook(Gadget, lambda request: seen.append(request.target.spec.size))
    await webhook.review({**review(NEW), "request": {**request(NEW), "object": bare}})
    assert seen == [2]


async def test_a_connection_to_a_pod_is_no_object_and_passes_typed_handlers() -> None:
    options = {"apiVersion": "v1", "kind": "PodExecOptions", "metadata": {}, "command": ["sh"]}
    for webhook in (ValidatingWebhook(Gadget, deny), MutatingWebhook(Gadget, deny)):
        assert (await ask(webhook, options, operation="CONNECT", subResource="exec"))["allowed"]


async def test_a_review_of_another_kind_is_refused_as_a_bad_request() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": []}}
    with pytest.raises(BadReview, match=r"is for example.dev/v1 Gadget, not for v1 Pod"):
        await ask(ValidatingWebhook(Gadget, allow), pod)
    newer = {**NEW, "apiVersion": "example.dev/v2"}
    with pytest.raises(BadReview, match=r"not for example.dev/v2 Gadget"):
        await ask(ValidatingWebhook(Gadget, allow), newer)
    assert (await ask(ValidatingWebhook(Pod, look), pod))["allowed"]


# Objects that do not fit the model.


@pytest.mark.parametrize("old", [None, OLD])
async def test_an_object_that_does_not_fit_is_refused_as_invalid_and_names_the_field(old: Any) -> None:
    webhook = ValidatingWebhook(Gadget, look)
    status = (await ask(webhook, BROKEN, old))["status"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert "the object does not fit Gadget: spec.size" in status["message"]
    assert status["details"]["causes"][0]["field"] == "spec.size"


async def test_an_old_object_that_does_not_fit_matters_only_to_who_looks_at_it() -> None:
    assert (await ask(ValidatingWebhook(Gadget, look), NEW, BROKEN))["allowed"]
    looking = ValidatingWebhook(Gadget, look_back)
    for response in (await ask(looking, NEW, BROKEN), await ask(looking, None, BROKEN)):
        assert not response["allowed"]
        assert "the old object does not fit Gadget" in response["status"]["message"]


async def test_an_object_that_does_not_fit_may_lose_its_finalizers_while_it_is_deleted() -> None:
    webhook = ValidatingWebhook(Gadget, look)
    response = await ask(webhook, LEAVING, LEAVING)
    assert response["allowed"]
    assert response["warnings"][0].startswith("not validated: the object does not fit Gadget")
    assert not (await ask(webhook, LEAVING, OLD))["allowed"], "only the server says that an object is being deleted"


async def test_a_handler_may_deal_with_an_object_that_does_not_fit() -> None:
    def forgiving(request: AdmissionRequest[Gadget]) -> None:
        try:
            _ = request.target
        except UndecodableObject as error:
            assert request.raw_old_object is not None
            request.warn(error.causes[0].field)

    response = await ask(ValidatingWebhook(Gadget, forgiving), None, BROKEN)
    assert (response["allowed"], response["warnings"]) == (True, ["spec.size"])


# Reviews.


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_uid_and_version_of_the_review_are_echoed(version: str) -> None:
    answer = await ValidatingWebhook(Gadget, allow).review(review(NEW, version=version, uid="u-9"))
    assert (answer["apiVersion"], answer["kind"]) == (f"admission.k8s.io/{version}", "AdmissionReview")
    assert answer["response"]["uid"] == "u-9"


async def test_a_review_without_a_version_is_answered_as_v1() -> None:
    answer = await ValidatingWebhook(Gadget, allow).review({"request": request(NEW)})
    assert answer["apiVersion"] == "admission.k8s.io/v1"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "no JSON object"),
        ({}, "has no request"),
        ({"request": None}, "has no request"),
        ({**review(NEW), "kind": "ConversionReview"}, "no AdmissionReview"),
        ({**review(NEW), "apiVersion": "admission.k8s.io/v9"}, "admission.k8s.io/v9"),
        ({"request": {**request(NEW), "uid": ""}}, "request.uid"),
        ({"request": {**request(NEW), "operation": "READ"}}, "request.operation"),
        ({"request": {**request(NEW), "kind": None}}, "request.kind"),
        ({"request": {**request(NEW), "object": "x"}}, "request.object"),
        ({"request": {**request(NEW), "userInfo": {"groups": "x"}}}, r"request.userInfo.groups"),
    ],
)
async def test_what_is_no_review_is_refused_with_its_fault(body: Any, message: str) -> None:
    with pytest.raises(BadReview, match=message):
        await ValidatingWebhook(Gadget, allow).review(body)


@pytest.mark.parametrize("old", [None, OLD])
async def test_a_review_that_lacks_its_object_is_refused(old: Any) -> None:
    data = {**request(NEW, old), "object": None}
    with pytest.raises(BadReview, match=r"request.object: is missing"):
        await ValidatingWebhook(Gadget, look).review({"request": data})


async def test_a_cancelled_review_stays_cancelled() -> None:
    async def slow(request: AdmissionRequest[Gadget]) -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(ask(ValidatingWebhook(Gadget, slow), NEW))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


# Raw handlers, paths, mistakes.


async def test_a_raw_handler_answers_as_it_likes() -> None:
    async def handle(request: AdmissionRequest[dict[str, Any]]) -> AdmissionResponse:
        assert request.object == NEW
        request.warn("from the request")
        return AdmissionResponse(True, {"code": 201, "message": "fine"}, warnings=["from the answer"])

    response = await ask(RawWebhook("/raw", handle), NEW)
    assert response["status"] == {"code": 201, "message": "fine"}
    assert response["warnings"] == ["from the request", "from the answer"]


async def test_a_raw_handler_is_asked_about_connections_and_any_kind() -> None:
    seen: list[str] = []

    def handle(request: AdmissionRequest[dict[str, Any]]) -> AdmissionResponse:
        seen.append(f"{request.operation} {request.kind.kind}")
        raise Denied("no shells")

    options = {"apiVersion": "v1", "kind": "PodExecOptions", "metadata": {}}
    response = await ask(RawWebhook("/raw", handle), options, operation="CONNECT")
    assert (seen, response["status"]["message"]) == (["CONNECT PodExecOptions"], "no shells")


@pytest.mark.parametrize("answer", [None, True, AdmissionResponse(True, patch=[{"op": "remove", "path": "/x"}])])
async def test_a_raw_handler_that_answers_wrongly_refuses_with_500(answer: Any) -> None:
    assert (await ask(RawWebhook("/raw", lambda request: answer), NEW))["status"]["code"] == 500


@pytest.mark.parametrize(
    ("kind", "validate", "mutate"),
    [
        (Gadget, "/validate-example-dev-v1-gadget", "/mutate-example-dev-v1-gadget"),
        (Pod, "/validate--v1-pod", "/mutate--v1-pod"),
    ],
)
def test_paths_are_controller_runtimes_unless_given(kind: Any, validate: str, mutate: str) -> None:
    assert ValidatingWebhook(kind, allow).path == validate
    assert MutatingWebhook(kind, allow).path == mutate
    assert ValidatingWebhook(kind, allow, path="/my/own_path-1").path == "/my/own_path-1"


@pytest.mark.parametrize("path", ["relative", "/a b", "/a//b", "/a/", "/ä"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path: "):
        ValidatingWebhook(Gadget, allow, path=path)


def test_mistakes_in_the_set_up_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a handler"):
        ValidatingWebhook(Gadget)
    with pytest.raises(ValueError, match="type: 'both'"):
        RawWebhook("/x", lambda request: AdmissionResponse(True), type="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"code: 200 .*nearest is 400"):
        Denied("no", code=200)
    with pytest.raises(ValueError, match="patch: "):
        AdmissionResponse(False, patch=[{"op": "remove", "path": "/x"}])


async def test_each_line_of_the_log_names_the_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kubernaut.webhook")
    await ask(ValidatingWebhook(Gadget, lambda request: request.log.info("looking")), NEW)
    [record] = caplog.records
    assert record.kubernaut == {  # type: ignore[attr-defined]
        "webhook": "/validate-example-dev-v1-gadget",
        "review": "review-1",
        "operation": "CREATE",
        "kind": "Gadget",
        "object": "shop/a",
        "user": "ann",
    }


async def test_a_kind_without_a_model_has_webhooks_too() -> None:
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "r"}, "spec": {"n": 1}}
    seen: list[Any] = []
    webhook = ValidatingWebhook(
        AnyResource.of("argoproj.io/v1alpha1", "Rollout"), lambda request: seen.append(request.target.spec)
    )
    assert webhook.path == "/validate-argoproj-io-v1alpha1-rollout"
    assert (await ask(webhook, rollout))["allowed"]
    assert seen == [{"n": 1}]
