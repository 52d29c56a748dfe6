"""The wire format of protobuf: tagged fields, varints, lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | bytes | float]


class Malformed(ValueError):
    """Raised for bytes that are no message."""


def fields(data: bytes) -> Iterator[Field]:
    """The number and the raw value of each field: an int, a float, or bytes. Raises Malformed."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif kind == _BYTES:
            length, at = _varint(data, at)
            if at + length > end:
                raise Malformed("unexpected EOF")
            yield number, data[at : at + length]
            at += length
        elif kind in (_FIXED64, _FIXED32):
            form, size = ("<d", 8) if kind == _FIXED64 else ("<f", 4)
            if at + size > end:
                raise Malformed("unexpected EOF")
            yield number, struct.unpack_from(form, data, at)[0]
            at += size
        else:
            raise Malformed(f"illegal wireType {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data):
            raise Malformed("unexpected EOF")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise Malformed("integer overflow")


def signed(value: int) -> int:
    """A varint as the signed 64-bit number it stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value
