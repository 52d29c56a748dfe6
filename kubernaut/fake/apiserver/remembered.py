"""A bounded memory of what was computed before: the same writes come again and again, above all in exploration."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 2000


class Remembered(Generic[T]):
    """Values by key, forgotten all at once when there are too many: that is cheap, and does not depend on use."""

    def __init__(self) -> None:
        self._found: dict[Hashable, T] = {}

    def get(self, key: Hashable) -> T | None:
        return self._found.get(key)

    def remember(self, key: Hashable, value: T) -> None:
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[key] = value
