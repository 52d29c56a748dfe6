"""Field ownership of writes: the bridge to the pure functions of `patch`."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver.core import Call


def track(call: Call, old: dict[str, Any] | None, new: dict[str, Any], manager: str, subresource: str = "") -> None:
    """Records in `new` which fields this write changed."""
