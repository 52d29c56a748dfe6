"""What the client's verbs return: lists that decode as they are read, watch events, and notes of writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, overload

import msgspec

from kubernaut.client.errors import TransportError, error_from_object
from kubernaut.client.frames import RawFrames, decode_status
from kubernaut.resources import Resource

if TYPE_CHECKING:
    from kubernaut.resources import ResourceType

__all__ = ["RawResponse", "ResourceList", "WatchEvent", "WatchEvents", "Written"]

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as it came. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """One write the server accepted.

    ``resource_version`` is that of the result; "" when the object is gone (``deleted``). ``uid`` may be "" after a
    deletion whose answer did not name it. ``labels`` are those of the result; None where the answer did not tell them.
    """

    resource_type: ResourceType
    namespace: str | None
    name: str
    uid: str
    resource_version: str
    deleted: bool
    labels: Mapping[str, str] | None = field(default=None, compare=False)


class ResourceList(Sequence[R], Generic[R]):
    """The objects of a list; each read decodes afresh, so keep what you change.

    ``continue_token`` is None unless a limit cut the list short; ``remaining`` then counts what was left, where the
    server says. Reading an item raises pydantic.ValidationError when it does not fit the model.
    """

    def __init__(
        self,
        kind: type[R],
        items: Sequence[msgspec.Raw],
        *,
        resource_version: str,
        continue_token: str | None = None,
        remaining: int | None = None,
    ) -> None:
        self._kind = kind
        self._items = items
        self.resource_version = resource_version
        self.continue_token = continue_token
        self.remaining = remaining

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> list[R]: ...
    def __getitem__(self, index: int | slice) -> R | list[R]:
        if isinstance(index, slice):
            return [self._decode(raw) for raw in self._items[index]]
        return self._decode(self._items[index])

    def _decode(self, raw: msgspec.Raw) -> R:
        return self._kind.from_json(bytes(raw))

    def __repr__(self) -> str:
        return f"<ResourceList of {len(self)} {self._kind.__name__} at {self.resource_version}>"


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[R]):
    """One change. The object of a DELETED event is its last state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: R


class WatchEvents(Generic[R]):
    """The events of one watch, until the server ends it.

    Raises ApiError when the server reports an error in the stream (Expired: list again), TransportError when the
    stream breaks.
    """

    def __init__(self, kind: type[R], frames: RawFrames) -> None:
        self._kind = kind
        self._frames = frames

    def __aiter__(self) -> AsyncIterator[WatchEvent[R]]:
        return self

    async def __anext__(self) -> WatchEvent[R]:
        while True:
            frame = await anext(self._frames)
            match frame.type:
                case "ADDED" | "MODIFIED" | "DELETED" as event_type:
                    return WatchEvent(event_type, self._kind.from_json(bytes(frame.object)))
                case "ERROR":
                    raise error_from_object(decode_status(frame.object))
                case "BOOKMARK":
                    continue
                case other:
                    raise TransportError(f"the watch stream has an event of unknown type {other!r}")
