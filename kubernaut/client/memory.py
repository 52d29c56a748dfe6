"""The seam through which a runtime tells the client that an apply would change nothing."""

from __future__ import annotations

from typing import Protocol

from kubernaut.client.frames import ObjectHead
from kubernaut.resources import ResourceType

__all__ = ["ApplyMemory"]


class ApplyMemory(Protocol):
    """Remembers applies. `digest` stands for the body of an apply and its options; `manager` for its field manager."""

    def unchanged(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes
    ) -> bytes | None:
        """The object as the server has it, if the apply would change nothing; None if it must be sent."""
        ...

    def applied(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes, head: ObjectHead
    ) -> None:
        """The server accepted the apply and answered the object with this metadata."""
        ...

    def forget(self, rt: ResourceType, namespace: str | None, name: str) -> None:
        """Any other write to the object ended, or an apply failed: what it came to is not known."""
        ...
