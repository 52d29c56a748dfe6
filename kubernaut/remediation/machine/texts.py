"""Texts cut to a size that the API takes."""

from __future__ import annotations

MESSAGE_BYTES = 4096
"""Bytes of a message in a status: many conditions repeat it, and the whole must stay far below the API's limit."""


def cut(text: str, limit: int = MESSAGE_BYTES) -> str:
    """At most `limit` bytes of `text` in UTF-8 (at least 3), never half a character; what was cut ends with `…`."""
    # What UTF-8 cannot say, no server takes.
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode(errors="ignore") + "…"
