"""Bodies to dicts: content types, syntax errors, duplicate fields."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from kubernaut.fake.apiserver.status import StatusError, bad_request, generic

JSON = "application/json"
YAML = "application/yaml"
LIMIT = 3 * 1024 * 1024


class _Twice(dict[str, Any]):
    """A mapping in which some keys were given more than once."""

    twice: tuple[str, ...] = ()


def media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def unsupported_media_type(accepted: Iterable[str] = ()) -> StatusError:
    """415; with `accepted` as the handler words it that knows what it takes."""
    if accepted:
        text = "the body of the request was in an unknown format - accepted media types include: "
        return StatusError(415, "UnsupportedMediaType", text + ", ".join(accepted))
    return generic(415, "UnsupportedMediaType", "415: Unsupported Media Type")


def too_large() -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LIMIT}")


def decode_value(body: bytes, content_type: str = JSON) -> Any:
    """The JSON or YAML value of a body. Raises ValueError for bad syntax, StatusError for other media types."""
    if len(body) > LIMIT:
        raise too_large()
    kind = media_type(content_type) or JSON
    if kind in (YAML, "text/yaml", "application/apply-patch+yaml") and body.lstrip()[:1] not in (b"{", b"["):
        try:
            return json.loads(json.dumps(yaml.safe_load(body), default=str))
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    if kind not in (JSON, "*/*", YAML, "text/yaml") and not kind.endswith(("+json", "+yaml")):
        raise unsupported_media_type()
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(go_syntax_error(body) or str(error)) from error


def duplicates(body: bytes) -> list[str]:
    """Paths of the fields that the JSON text gives more than once (`data.a`, `spec.items[0].n`)."""
    try:
        if msgspec.json.encode(msgspec.json.decode(body)) == body:
            return []  # what is given twice would have been lost on the way
    except msgspec.DecodeError:
        return []
    found: list[str] = []
    seen_twice = False

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal seen_twice
        built = _Twice(pairs)
        if len(built) != len(pairs):
            seen_twice = True
            counted = [key for key, _ in pairs]
            built.twice = tuple(key for key in built if counted.count(key) > 1)
        return built

    try:
        value = json.loads(body, object_pairs_hook=build)
    except ValueError:
        return []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, _Twice):
            dotted = f"{path}." if path else ""
            found.extend(dotted + key for key in node.twice)
            for key, child in node.items():
                walk(child, dotted + key)
        elif isinstance(node, list):
            for index, child in enumerate(node):
                walk(child, f"{path}[{index}]")

    if seen_twice:
        walk(value, "")
    return found


_LITERALS = {"n": "null", "t": "true", "f": "false"}


def go_syntax_error(body: bytes) -> str:
    """What Go's JSON scanner says about a body that is no JSON; empty when this does not know."""
    text = body.decode(errors="replace").lstrip()
    if not text:
        return "unexpected end of JSON input"
    first = text[0]
    if first in _LITERALS:
        literal = _LITERALS[first]
        for index, wanted in enumerate(literal[1:], 1):
            got = text[index] if index < len(text) else ""
            if not got:
                return "unexpected end of JSON input"
            if got != wanted:
                return f"invalid character {_shown(got)} in literal {literal} (expecting {_shown(wanted)})"
        return (
            f"invalid character {_shown(text[len(literal)])} after top-level value" if len(text) > len(literal) else ""
        )
    if first not in '{["-0123456789':
        return f"invalid character {_shown(first)} looking for beginning of value"
    return "unexpected end of JSON input" if _unfinished(text) else ""


def _unfinished(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
    return False


def _shown(character: str) -> str:
    if not character.isprintable():
        return f"'\\u{ord(character):04x}'"
    return {"'": r"'\''", '"': "'\"'"}.get(character, f"'{character}'")


def decode_object(body: bytes, content_type: str, kind: str) -> dict[str, Any]:
    """An object for a resource of `kind`. Raises StatusError 400 or 415."""
    try:
        value = decode_value(body, content_type)
    except ValueError as error:
        unreadable = f"couldn't get version/kind; json parse error: {error}"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): {unreadable} ({_hex(body)})"
        ) from error
    if not isinstance(value, dict):
        got = {list: "array", str: "string", bool: "bool", type(None): "null"}.get(type(value), "number")
        text = f"json: cannot unmarshal {got} into Go value of type struct {{ APIVersion string"
        text += ' "json:\\"apiVersion,omitempty\\""; Kind string'
        text += ' "json:\\"kind,omitempty\\"" }'
        message = f"couldn't get version/kind; json parse error: {text}"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {message} ({_hex(body)})")
    return value


def _hex(body: bytes) -> str:
    shown = body[:1024].hex()
    return shown if len(body) <= 1024 else f"{shown} ..."
