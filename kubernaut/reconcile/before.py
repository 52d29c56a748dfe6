"""An object as it was before a reconcile: decoded a second time only where something may have changed."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from kubernaut.resources import Model, Resource, StatusBase

R = TypeVar("R", bound=Resource)

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Before(Generic[R]):
    """What `obj`, which is `raw` decoded, says now. The reconciler may then do with `obj` what it likes.

    Most reconciles change nothing. So that this costs little, a status is compared as JSON text of its own, and the
    object is decoded once more only for a status that differs.
    """

    __slots__ = ("_kind", "_status", "generation", "raw", "uid")

    def __init__(self, kind: type[R], raw: bytes, obj: R) -> None:
        self._kind = kind
        self.raw = raw
        self.uid = obj.uid or ""
        self.generation = obj.metadata.generation
        self._status = _text_of(status_of(obj))

    @property
    def decoded(self) -> R:
        """A copy of its own."""
        return self._kind.from_json(self.raw)

    def is_settled(self, after: R, *, observed: bool) -> bool:
        """Whether the status of `after` is the same, and the runtime has nothing to add to it."""
        status = status_of(after)
        if isinstance(status, StatusBase):
            if observed and self.generation is not None and status.observed_generation != self.generation:
                return False
            for condition in status.conditions:
                if condition.last_transition_time is None or condition.observed_generation is None:
                    return False
        return self._status is not None and _text_of(status) == self._status


def status_of(obj: Resource) -> Any:
    """The status object of a resource, or None."""
    return getattr(obj, "status", None)


def with_status(kind: type[Resource], raw: bytes, status: dict[str, Any]) -> bytes:
    """An object's JSON text with another status; all else stays as the server wrote it."""
    fields = _FIELDS.decode(raw)
    rt = kind.resource_type
    # In the lists of built-in kinds, items do not say what they are.
    fields.setdefault("apiVersion", msgspec.Raw(msgspec.json.encode(rt.api_version)))
    fields.setdefault("kind", msgspec.Raw(msgspec.json.encode(rt.kind)))
    fields["status"] = msgspec.Raw(msgspec.json.encode(status))
    return msgspec.json.encode(fields)


def _text_of(status: Any) -> bytes | None:
    """JSON text by which two states of a status compare; None where there is none, which equals nothing."""
    try:
        if isinstance(status, Model):
            return status.__pydantic_serializer__.to_json(status, warnings="none")
        return msgspec.json.encode(status)
    except Exception:  # a value that is not JSON: the encoding that follows says which
        return None
