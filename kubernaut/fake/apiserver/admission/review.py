"""AdmissionReviews: what is asked of a webhook, and what its answer says."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kubernaut.fake.apiserver import conversion
from kubernaut.fake.apiserver.admission.attributes import Attributes
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.status import StatusError

GROUP = "admission.k8s.io"
_KNOWN = ("v1", "v1beta1")


class BadAnswer(Exception):
    """The answer is no review, or does not fit the request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook decided. `status` is of a refusal; `patch` are JSON Patch operations."""

    allowed: bool
    status: Mapping[str, Any]
    patch: Sequence[Any]
    warnings: Sequence[str]


def user_info(user: User) -> dict[str, Any]:
    info: dict[str, Any] = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return {name: value for name, value in info.items() if value}


def request_of(attributes: Attributes, resource: ResourceInfo) -> dict[str, Any]:
    """The request of a review, but for its uid; objects are sent at the version of `resource`."""
    own = attributes.resource
    kind = (
        attributes.kind
        if own is resource or attributes.subresource
        else (resource.group, resource.version, resource.kind)
    )
    request: dict[str, Any] = {
        "kind": _kind(kind),
        "resource": _resource(resource),
        "subResource": attributes.subresource,
        "requestKind": _kind(attributes.kind),
        "requestResource": _resource(own),
        "requestSubResource": attributes.subresource,
        "name": attributes.name,
        "namespace": attributes.namespace,
        "operation": attributes.operation,
        "userInfo": user_info(attributes.call.user),
    }
    request = {name: value for name, value in request.items() if value}
    request["object"] = at_version(attributes.obj, own, resource, attributes)
    request["oldObject"] = at_version(attributes.old, own, resource, attributes)
    request["dryRun"] = attributes.dry_run
    request["options"] = dict(attributes.options) or None
    return request


def at_version(
    obj: dict[str, Any] | None, own: ResourceInfo, wanted: ResourceInfo, attributes: Attributes
) -> dict[str, Any] | None:
    """`obj`, which is at the version of `own`, at that of `wanted`. Subresources of another kind stay as they are."""
    if obj is None or own is wanted or (attributes.subresource and attributes.kind[2] != own.kind):
        return obj
    copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(obj))
    return conversion.from_stored(conversion.to_stored(copied, own), wanted)


def _kind(kind: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("group", "version", "kind"), kind, strict=True))


def _resource(resource: ResourceInfo) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}


def version_for(accepted: Sequence[str]) -> str:
    """The first version that both sides know."""
    return next((version for version in accepted if version in _KNOWN), "v1")


def encode(request: Mapping[str, Any], uid: str, version: str) -> bytes:
    review = {"kind": "AdmissionReview", "apiVersion": f"{GROUP}/{version}", "request": {"uid": uid, **request}}
    data: bytes = msgspec.json.encode(review)
    return data


def decode(body: bytes, uid: str, version: str, *, mutating: bool) -> Answer:
    """The answer in a review. Raises BadAnswer, worded as apiserver's webhook/request does."""
    try:
        review = msgspec.json.decode(body)
    except ValueError as error:
        raise BadAnswer(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(review, dict):
        raise BadAnswer("the answer is no object")
    response = review.get("response")
    if not isinstance(response, dict):
        raise BadAnswer("webhook response was absent")
    if version == "v1":
        if response.get("uid") != uid:
            raise BadAnswer(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
        group, _, found = str(review.get("apiVersion", "")).rpartition("/")
        kind = review.get("kind", "")
        if (group, found, kind) != (GROUP, "v1", "AdmissionReview"):
            raise BadAnswer(
                f"expected webhook response of {GROUP}/v1, Kind=AdmissionReview, got {group}/{found}, Kind={kind}"
            )
        _check_patch(response, mutating=mutating)
    patch = _patch(response.get("patch")) if mutating else []
    status = response.get("status") or {}
    return Answer(response.get("allowed") is True, status, patch, response.get("warnings") or [])


def _check_patch(response: Mapping[str, Any], *, mutating: bool) -> None:
    patch, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        if patch:
            raise BadAnswer("validating webhook may not return response.patch")
        if kind:
            raise BadAnswer("validating webhook may not return response.patchType")
        return
    if patch and not kind:
        raise BadAnswer("webhook returned response.patch but not response.patchType")
    if kind and not patch:
        raise BadAnswer("webhook returned response.patchType but not response.patch")
    if kind not in (None, "JSONPatch"):
        raise BadAnswer(f'invalid value of response.patchType "{kind}"')


def _patch(text: Any) -> list[Any]:
    if not text:
        return []
    try:
        found = msgspec.json.decode(base64.b64decode(text))
    except (binascii.Error, ValueError) as error:
        raise StatusError(500, "InternalError", f"Internal error occurred: {error}") from error
    return found if isinstance(found, list) else []


def refusal(name: str, status: Mapping[str, Any]) -> StatusError:
    """The error that a webhook's refusal becomes."""
    denied = f'admission webhook "{name}" denied the request'
    if status.get("message"):
        text = f"{denied}: {status['message']}"
    elif status.get("reason"):
        text = f"{denied}: {status['reason']}"
    else:
        text = f"{denied} without explanation"
    code = status.get("code") or 0
    return StatusError(code if code >= 400 else 400, status.get("reason"), text, status.get("details"))
