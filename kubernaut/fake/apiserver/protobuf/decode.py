"""Messages to the objects that the same Go values are in JSON."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernaut.fake.apiserver.protobuf.types import Form, message
from kubernaut.fake.apiserver.protobuf.wire import Malformed, fields, signed

Object = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: tuple[Any, ...] = ("", 0, False, None)


def decode(data: bytes, name: str) -> Object:
    """The object that a message of this name holds. Raises Malformed.

    Go clients write every field that is no pointer; those that are zero and that JSON would leave out are left out.
    Fields that are not known are dropped.
    """
    forms, found = message(name), Object()
    for number, raw in fields(data):
        form = forms.get(number)
        if form is None or form.of == "x":
            continue
        if form.container == "{":
            key, value = _entry(raw, form)
            found.setdefault(form.name, {})[key] = value
            continue
        value = _value(raw, form)
        if form.container == "[":
            found.setdefault(form.name, []).append(value)
        elif not form.name:
            found.update(value)
        elif form.is_message or form.keeps_zero or value not in _ZERO:
            found[form.name] = value
    return found


def _entry(raw: Any, form: Form) -> tuple[str, Any]:
    key, value = "", _missing(form)
    for number, part in fields(_bytes(raw)):
        if number == 1:
            key = _text(part)
        elif number == 2:
            value = _value(part, form)
    return key, value


def _missing(form: Form) -> Any:
    return {"s": "", "y": "", "i": 0, "b": False, "d": 0.0, "E": [], "q": "0"}.get(form.of, {})


def _value(raw: Any, form: Form) -> Any:
    if form.is_message:
        return decode(_bytes(raw), form.of)
    match form.of:
        case "s":
            return _text(raw)
        case "i":
            return signed(_int(raw))
        case "b":
            return bool(_int(raw))
        case "d":
            return float(raw)
        case "y":
            return base64.b64encode(_bytes(raw)).decode()
        case "t" | "u":
            return _time(_bytes(raw), micro=form.of == "u")
        case "q":
            return next((_text(part) for number, part in fields(_bytes(raw)) if number == 1), "0")
        case "D":
            return _duration(next((signed(_int(part)) for _, part in fields(_bytes(raw))), 0))
        case "E":
            return [_text(part) for number, part in fields(_bytes(raw)) if number == 1]
        case "o":
            return _int_or_string(_bytes(raw))
    return _json(_bytes(raw))


def _bytes(raw: Any) -> bytes:
    if not isinstance(raw, bytes):
        raise Malformed("wrong wireType")
    return raw


def _int(raw: Any) -> int:
    if not isinstance(raw, int):
        raise Malformed("wrong wireType")
    return raw


def _text(raw: Any) -> str:
    return _bytes(raw).decode(errors="replace")


def _time(data: bytes, *, micro: bool) -> str | None:
    parts = {number: signed(_int(part)) for number, part in fields(data)}
    if not parts:
        return None  # the zero time
    moment = _EPOCH + timedelta(seconds=parts.get(1, 0), microseconds=parts.get(2, 0) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _duration(nanoseconds: int) -> str:
    """As Go prints durations: `1h0m5s`, `1.5s`."""
    if nanoseconds % 10**9:
        return f"{nanoseconds / 10**9:g}s"
    hours, seconds = divmod(nanoseconds // 10**9, 3600)
    minutes, seconds = divmod(seconds, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _int_or_string(data: bytes) -> int | str:
    parts = dict(fields(data))
    return _text(parts.get(3, b"")) if parts.get(1) == 1 else signed(_int(parts.get(2, 0)))


def _json(data: bytes) -> Any:
    for _, part in fields(data):
        try:
            return json.loads(_bytes(part))
        except ValueError as error:
            raise Malformed(str(error)) from error
    return None
