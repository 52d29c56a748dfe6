"""Which keys belong to which lease."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from kubernaut.reconcile.result import Request

__all__ = ["Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """The keys that one lease covers: part `index` of `count`.

    A key's part is the CRC-32 of its cluster, namespace and name, modulo `count`: the same in every process and
    version, and the same for objects of different kinds that have the same name.
    """

    lease: str
    index: int = 0
    count: int = 1

    def contains(self, request: Request | None) -> bool:
        """Whether the key is of this share; None, which stands for work without a key, is of the first."""
        return share_of(request, self.count) == self.index


def share_of(request: Request | None, count: int) -> int:
    """The index of the share that covers the key."""
    if request is None or count == 1:
        return 0
    return crc32(f"{request.cluster}\0{request.namespace or ''}\0{request.name}".encode()) % count
