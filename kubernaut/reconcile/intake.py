"""From the bytes that a server sent to what is kept of them: options by kind, and the step that applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from kubernaut.client import ObjectHead, decode_head
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.stored import Packing, Stored
from kubernaut.resources import Resource, ResourceType

PAGE_LIMIT = 500
WATCH_SECONDS = (300, 600)
SILENCE = 180.0
RETRY_SECONDS = (0.8, 30.0)
"""As client-go's reflector."""

Transform = Callable[[bytes], bytes]
"""An object's JSON -> the JSON to keep. Name, namespace, uid and resourceVersion must stay as they are."""


@dataclass(frozen=True, slots=True)
class KindOptions:
    """What is kept of the objects of a kind.

    `transform`: shortens each object before it is kept; where it raises, or changes the object's identity, the object
    is kept as it came and the failure is counted. `drop_managed_fields`: leave out `metadata.managedFields`, often half
    of an object. `compress`: keep the JSON packed, a fifth of its size; a read then costs 20 microseconds more.
    `page_limit`: objects asked for at once, where the server streams no lists.

    How long a watch may be deaf, in seconds: `watch_seconds` are the bounds of the random time after which the server
    is asked to end each watch (five seconds later it is given up), `silence` is how long a stream that is known to send
    bookmarks may send nothing. They matter where something answers for a server that is gone, such as a proxy; without
    one TCP finds that out much sooner (`TransportOptions.dead_after`). `retry_seconds` are the first and the longest
    time between attempts while lists or watches fail: a server that was away for long is noticed that much later.
    """

    transform: Transform | None = None
    drop_managed_fields: bool = False
    compress: bool = False
    page_limit: int = PAGE_LIMIT
    watch_seconds: tuple[int, int] = WATCH_SECONDS
    silence: float = SILENCE
    retry_seconds: tuple[float, float] = RETRY_SECONDS

    def __post_init__(self) -> None:
        if self.page_limit < 1:
            raise ValueError("page_limit must be at least 1")
        shortest, longest = self.watch_seconds
        if not 1 <= shortest <= longest or self.silence <= 0:
            raise ValueError(
                f"watch_seconds={self.watch_seconds}, silence={self.silence}: (shortest, longest) and above 0"
            )
        if not 0 < self.retry_seconds[0] <= self.retry_seconds[1]:
            raise ValueError(f"retry_seconds={self.retry_seconds}: (first, longest), above 0")


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """What a cache keeps: `kinds` by their class, `default` for all others.

    `streaming`: let servers that can do it stream their lists; every other server is listed in pages anyway.
    """

    default: KindOptions = KindOptions()
    kinds: Mapping[type[Resource], KindOptions] = field(default_factory=dict)
    streaming: bool = True

    def of(self, rt: ResourceType) -> KindOptions:
        """The options of one kind, whatever its version."""
        for kind, options in self.kinds.items():
            if kind.resource_type.group_resource == rt.group_resource:
                return options
        return self.default


class Intake:
    """Makes `Stored` objects for one informer. `failures`: objects that the transform could not be applied to."""

    def __init__(self, options: KindOptions, name: str) -> None:
        self.failures = 0
        self._transform = options.transform
        self._drop = options.drop_managed_fields
        self._packing = Packing() if options.compress else None
        self._log = logger("kubernaut.informer").bind(informer=name)

    @property
    def whole(self) -> bool:
        """Whether objects are kept just as the server sends them, managedFields aside."""
        return self._transform is None

    def take(self, raw: msgspec.Raw) -> Stored:
        """What to keep of one object. Raises msgspec.DecodeError when it is no Kubernetes object."""
        # Copied out of the page or chunk, which would stay in memory as long as any object of it.
        data = bytes(raw)
        head = decode_head(data)
        if not head.name:
            raise msgspec.DecodeError("an object without a name")
        if self._drop:
            data = without_managed_fields(data)
        if self._transform is not None:
            data, head = self._transformed(self._transform, data, head)
        return Stored(head, data if self._packing is None else self._packing.pack(data), self._packing)

    def _transformed(self, transform: Transform, data: bytes, head: ObjectHead) -> tuple[bytes, ObjectHead]:
        try:
            changed = transform(data)
            after = decode_head(changed)
            if _identity(after) != _identity(head):
                raise ValueError("the transform changed the name, namespace, uid or resourceVersion")
        except Exception:
            self.failures += 1
            if self.failures == 1:
                self._log.exception("the transform failed: objects that it fails for are kept whole", object=head.name)
            return data, head
        return bytes(changed), after


def _identity(head: ObjectHead) -> tuple[str | None, str, str, str]:
    return head.namespace, head.name, head.uid, head.resource_version


_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])


def without_managed_fields(data: bytes) -> bytes:
    """An object's JSON without `metadata.managedFields`; nothing else is decoded."""
    if b'"managedFields"' not in data:
        return data
    parts = _parts.decode(data)
    metadata = _parts.decode(parts["metadata"])
    if metadata.pop("managedFields", None) is None:
        return data
    return msgspec.json.encode({**parts, "metadata": metadata})


__all__ = ["PAGE_LIMIT", "CacheOptions", "Intake", "KindOptions", "Transform", "without_managed_fields"]
