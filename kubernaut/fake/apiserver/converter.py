"""Conversion of custom resources between versions by a webhook."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubernaut.fake.apiserver.admission.outside import CallFailed, Outside, endpoint_of
from kubernaut.fake.apiserver.pending import Pending
from kubernaut.fake.apiserver.status import internal

Object = dict[str, Any]
_GROUP = "apiextensions.k8s.io"
_KNOWN = ("v1", "v1beta1")
_SECONDS = 30.0
_KEPT = 20_000
# of the metadata, a webhook may change these and nothing else
_FREE = ("labels", "annotations")


class _Failed(Exception):
    """The webhook did not convert; the text follows `conversion webhook for … `."""


class Converter:
    """Asks the webhook of one CRD, and remembers what it said about each content."""

    def __init__(self, spec: Mapping[str, Any], outside: Outside) -> None:
        webhook = spec["webhook"]
        self._endpoint = endpoint_of(webhook.get("clientConfig") or {})
        accepted = webhook.get("conversionReviewVersions") or ()
        self._version = next((version for version in accepted if version in _KNOWN), "v1")
        self._outside = outside
        self._converted: dict[tuple[str, bytes], bytes] = {}
        self._failures: dict[tuple[str, bytes], str] = {}

    def convert(self, obj: Object, desired: str) -> Object:
        """`obj` at the API version `desired`. Raises Pending, StatusError 500."""
        if obj["apiVersion"] == desired:
            return obj
        # the version is the server's, and changes without anything to convert
        version = obj["metadata"].get("resourceVersion")
        bare = {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}}
        found: Object = msgspec.json.decode(self._known([_encoded(bare)], desired)[0])
        if version is not None:
            found["metadata"]["resourceVersion"] = version
        return found

    def prime(self, objects: Sequence[Object], desired: str) -> None:
        """Raises Pending where some are not known yet: one call for all of them; StatusError 500."""
        wanted = [obj for obj in objects if obj["apiVersion"] != desired]
        if wanted:
            bare = [
                {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}}
                for obj in wanted
            ]
            self._known([_encoded(obj) for obj in bare], desired)

    def _known(self, contents: list[bytes], desired: str) -> list[bytes]:
        for content in contents:
            failure = self._failures.pop((desired, content), None)
            if failure is not None:
                raise internal(failure)
        missing = [content for content in dict.fromkeys(contents) if (desired, content) not in self._converted]
        if missing:

            async def ask() -> None:
                await self._ask(missing, desired)

            raise Pending([ask])
        return [self._converted[desired, content] for content in contents]

    async def _ask(self, contents: list[bytes], desired: str) -> None:
        objects: list[Object] = [msgspec.json.decode(content) for content in contents]
        group, _, version = objects[0]["apiVersion"].rpartition("/")
        subject = f"conversion webhook for {group}/{version}, Kind={objects[0]['kind']}"
        try:
            answers = await self._review(objects, desired)
        except (CallFailed, _Failed) as error:
            self._failures.update(dict.fromkeys(((desired, content) for content in contents), f"{subject} {error}"))
            return
        while len(self._converted) > _KEPT:
            self._converted.pop(next(iter(self._converted)))
        for content, before, after in zip(contents, objects, answers, strict=True):
            problem = _unlike(before, after, desired)
            if problem:
                self._failures[desired, content] = f"{subject} {problem}"
            else:
                self._converted[desired, content] = _encoded(_restored(before, after))

    async def _review(self, objects: list[Object], desired: str) -> list[Object]:
        # not of the server's numbers: conversions are asked at any time, reads included
        uid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{desired}{objects!r}"))
        request = {"uid": uid, "desiredAPIVersion": desired, "objects": objects}
        review = {"kind": "ConversionReview", "apiVersion": f"{_GROUP}/{self._version}", "request": request}
        try:
            body = await self._outside.post(self._endpoint, _encoded(review), _SECONDS)
        except CallFailed as error:
            raise _Failed(f"failed: {error}") from error
        try:
            answer = msgspec.json.decode(body)
        except ValueError as error:
            raise _Failed(f"failed: couldn't get version/kind; json parse error: {error}") from error
        response = answer.get("response") if isinstance(answer, dict) else None
        if not isinstance(response, dict):
            raise _Failed("failed: no response provided")
        if response.get("uid") != uid:
            raise _Failed(f'failed: expected response.uid="{uid}", got "{response.get("uid", "")}"')
        result = response.get("result") or {}
        if result.get("status") != "Success":
            text = result.get("message") or f"response.result.status was '{result.get('status', '')}', not 'Success'"
            raise _Failed(f"failed: {text}")
        found: list[Object] = response.get("convertedObjects") or []
        if len(found) != len(objects):
            raise _Failed(f"returned {len(found)} objects, expected {len(objects)}")
        return found


def _encoded(value: Any) -> bytes:
    data: bytes = msgspec.json.encode(value)
    return data


def _unlike(before: Object, after: Object, desired: str) -> str:
    """How the answer is not the same object at the wanted version."""
    head = "returned invalid converted object at index 0: "
    if after.get("apiVersion") != desired:
        return f"{head}invalid groupVersion (expected {desired}, received {after.get('apiVersion', '')})"
    if after.get("kind") != before["kind"]:
        return f"{head}invalid kind (expected {before['kind']}, received {after.get('kind', '')})"
    old, new = before["metadata"], after.get("metadata") or {}
    for name, shown in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if old.get(name, "") != new.get(name, ""):
            return f"returned invalid metadata: must have the same {shown}: {old.get(name, '')} != {new.get(name, '')}"
    return ""


def _restored(before: Object, after: Object) -> Object:
    metadata = {key: value for key, value in before["metadata"].items() if key not in _FREE}
    given = after.get("metadata") or {}
    metadata.update((key, given[key]) for key in _FREE if given.get(key))
    rest = {key: value for key, value in after.items() if key not in ("kind", "apiVersion", "metadata")}
    return {"kind": after["kind"], "apiVersion": after["apiVersion"], "metadata": metadata, **rest}
