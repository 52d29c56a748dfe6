"""The conversion webhook of CRDs: objects from one version to another, through a version that all others know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Generic, TypeVar

from pydantic import Field, ValidationError

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.webhooks.request import BadReview, UndecodableObject
from kubernaut.reconcile.webhooks.review import MIB, open_review
from kubernaut.resources import JsonObject, Model, Resource

__all__ = ["Conversion", "ConversionError", "ConversionWebhook", "Spoke"]

H = TypeVar("H", bound=Resource)
S = TypeVar("S", bound=Resource)

GROUP = "apiextensions.k8s.io"
CHANGEABLE = ("labels", "annotations")
# Conversions hold the event loop; after so many objects others have their turn.
BATCH = 50

_log = logger("kubernaut.webhook")


class ConversionError(Exception):
    """Raised by a conversion function for an object that cannot be converted; users see the message."""


@dataclass(frozen=True, slots=True)
class Spoke(Generic[S, H]):
    """A version, and the way to the hub and back. The functions may be async."""

    kind: type[S]
    to_hub: Callable[[S], H | Awaitable[H]]
    from_hub: Callable[[H], S | Awaitable[S]]


class Conversion(Generic[H]):
    """The versions of one kind: `hub`, and the spokes that convert to and from it::

        Conversion(WidgetV2, Spoke(WidgetV1, to_hub=widget_to_v2, from_hub=widget_to_v1))

    A function gets an object of its own and returns one of the other version. It may leave the metadata out: then it is
    kept, labels and annotations that were set are added. Of metadata that it does give, only labels and annotations
    may differ (Kubernetes' rule): anything else fails the review. What one version has no place for belongs in an
    annotation, so that the way there and back loses nothing.

    Raises ValueError for versions of different kinds, the same version twice, or no spoke.
    """

    def __init__(self, hub: type[H], *spokes: Spoke[Any, H]) -> None:
        self.hub = hub
        rt = hub.resource_type
        if not spokes:
            raise ValueError(f"{rt.kind}: a conversion needs a spoke")
        self.kinds: dict[str, type[Resource]] = {rt.version: hub}
        self._spokes: dict[str, Spoke[Any, H]] = {}
        for spoke in spokes:
            other = spoke.kind.resource_type
            if (other.group, other.kind) != (rt.group, rt.kind):
                raise ValueError(f"{other.kind} of {other.group or 'core'} is no version of {rt.kind} of {rt.group}")
            if other.version in self.kinds:
                raise ValueError(f"{rt.kind}: version {other.version} is given twice")
            self.kinds[other.version] = spoke.kind
            self._spokes[other.version] = spoke

    async def convert(self, obj: Resource, version: str) -> Resource:
        """``obj`` in another version of this conversion."""
        source = obj.resource_type.version
        hub: Any = obj
        if source in self._spokes:
            hub = await _call(self._spokes[source].to_hub, obj, self.hub)
        if version not in self._spokes:
            converted: Resource = hub
            return converted
        spoke = self._spokes[version]
        return await _call(spoke.from_hub, hub, spoke.kind)


async def _call(function: Callable[[Any], Any], obj: Any, expected: type[Resource]) -> Resource:
    result = function(obj)
    if isawaitable(result):
        result = await result
    if not isinstance(result, expected):
        raise TypeError(f"{function!r} returned {type(result).__name__}, not {expected.__name__}")
    return result


class _Envelope(Model):
    uid: str = Field(min_length=1)
    desired_api_version: str = Field(alias="desiredAPIVersion", min_length=1)
    objects: list[JsonObject] = Field(default_factory=list)


class ConversionWebhook:
    """Answers the conversion reviews that arrive at one path, for any number of kinds.

    The first object that cannot be converted fails the review; the user sees the message of a ConversionError, or of
    an object that does not fit its version's model. Other errors are logged, and the user sees that there was one.
    """

    # The API server asks for a whole list in one review, and a list may be as long as the collection.
    max_body = 128 * MIB
    # The server's own limit for a conversion; it names none in the request.
    timeout = 30.0

    def __init__(self, *conversions: Conversion[Any], path: str = "/convert") -> None:
        self.path = path
        self._conversions: dict[tuple[str, str], Conversion[Any]] = {}
        for conversion in conversions:
            rt = conversion.hub.resource_type
            if (rt.group, rt.kind) in self._conversions:
                raise ValueError(f"{rt.kind}: two conversions are given")
            self._conversions[rt.group, rt.kind] = conversion

    @property
    def conversions(self) -> tuple[Conversion[Any], ...]:
        """What was given, in that order."""
        return tuple(self._conversions.values())

    async def review(self, review: Any) -> dict[str, Any]:
        """Answer a ConversionReview (decoded JSON) with one of the same version. Raises BadReview."""
        version, data = open_review(review, GROUP, "ConversionReview")
        try:
            request = _Envelope.from_dict(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadReview(f"request.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        response: dict[str, Any] = {"uid": request.uid, "convertedObjects": [], "result": {"status": "Success"}}
        try:
            response["convertedObjects"] = await self._convert_all(request)
        except ConversionError as error:
            response["result"] = {"status": "Failure", "message": str(error)}
        return {"apiVersion": version, "kind": "ConversionReview", "response": response}

    async def _convert_all(self, request: _Envelope) -> list[dict[str, Any]]:
        converted = []
        for number, raw in enumerate(request.objects, 1):
            converted.append(await self._convert_named(raw, request))
            if number % BATCH == 0:
                await asyncio.sleep(0)
        return converted

    async def _convert_named(self, raw: dict[str, Any], request: _Envelope) -> dict[str, Any]:
        metadata = raw.get("metadata") or {}
        where = "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part)
        what = f"{raw.get('kind') or 'an object without a kind'} {where}".rstrip()
        try:
            return await self._convert(raw, request.desired_api_version)
        except (ConversionError, UndecodableObject) as error:
            raise ConversionError(f"{what}: {error}") from None
        except Exception:
            _log.exception("a conversion failed", uid=request.uid, object=what, to=request.desired_api_version)
            raise ConversionError(f"{what}: the conversion failed in review {request.uid}: see its log") from None

    async def _convert(self, raw: dict[str, Any], desired: str) -> dict[str, Any]:
        group, _, version = str(raw.get("apiVersion") or "").rpartition("/")
        to_group, _, to_version = desired.rpartition("/")
        conversion = self._conversions.get((group, str(raw.get("kind"))))
        if conversion is None:
            raise ConversionError(f"no conversion is known for it in group {group!r}")
        if to_group != group:
            raise ConversionError(f"it is of group {group}, and cannot become one of {to_group}")
        if version == to_version:
            raise ConversionError(f"it is in version {version} already")
        for each in (version, to_version):
            if each not in conversion.kinds:
                raise ConversionError(f"version {each} is not known, only {', '.join(conversion.kinds)}")
        model = conversion.kinds[version]
        try:
            source = model.from_dict(raw)
        except ValidationError as error:
            raise UndecodableObject("object", model.__name__, error) from None
        before = source.metadata.to_dict()
        result = (await conversion.convert(source, to_version)).to_dict()
        metadata = _metadata(raw.get("metadata") or {}, before, result.get("metadata") or {})
        return {**result, "apiVersion": desired, "kind": raw["kind"], "metadata": metadata}


def _metadata(raw: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The metadata as it came, with the labels and annotations of the converted object."""
    given = "name" in after
    for key, value in after.items():
        if key not in CHANGEABLE and value != before.get(key):
            raise ConversionError(f"the conversion changed metadata.{key}; only labels and annotations may change")
    result = {key: value for key, value in raw.items() if key not in CHANGEABLE}
    for key in CHANGEABLE:
        kept = {} if given else raw.get(key) or {}
        if merged := {**kept, **(after.get(key) or {})}:
            result[key] = merged
    return result
