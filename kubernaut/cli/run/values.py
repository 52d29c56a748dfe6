"""The kinds of values that settings have: each is read from text as well, and says what it wants in one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from kubernaut.reconcile.serving import Bind
from kubernaut.resources.scalars import parse_duration

NOWHERE = "0"
"""The address of what is not served."""

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Leaves room for what is added to it, within the 63 characters of a Service's name.
_INSTALLATION = re.compile(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?")
_WORDS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False, "1": True, "0": False}


def nearest(name: str, candidates: Sequence[str]) -> str:
    """A clause that names what may have been meant, or all there is when nothing is near."""
    near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"there is {', '.join(candidates)}" if candidates else "there is none"


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise ValueError(f"{value!r} is neither true nor false")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text; put it in quotes")
    if not value.strip():
        raise ValueError("is empty; leave it out, or give a value")
    return value.strip()


def span(value: object) -> timedelta:
    """Read a positive duration in Go's form; raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit: write it as 30s, 1m30s or 500ms")
    try:
        read = parse_duration(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is no duration: write it as 30s, 1m30s or 500ms") from None
    if read <= timedelta():
        raise ValueError(f"{value!r} must be longer than 0s")
    return read


def count(value: object) -> int:
    """Read a whole number from 1; raises ValueError."""
    number = value
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"{value!r} is no whole number")
    if number < 1:
        raise ValueError(f"{number} must be at least 1")
    return number


def rate(value: object) -> float:
    """Read a number above zero; raises ValueError."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or number != number:
        raise ValueError(f"{value!r} is no number")
    if not 0 < number < float("inf"):
        raise ValueError(f"{value!r} must be above 0")
    return number


def _bind(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is no address: write ":8080", "127.0.0.1:8080", or "0" for none')
    try:
        bind = Bind.parse(value.strip(), "")
    except ValueError as error:  # the field that it begins with is told elsewhere
        raise ValueError(str(error).removeprefix(": ")) from None
    return str(bind) if bind is not None else NOWHERE


def _names(value: object) -> tuple[str, ...]:
    """Several names: a list, or a text with commas; each name once, in the order given."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{value!r} is no list of names")
    names = [name.strip() for item in value for name in item.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def _namespaces(value: object) -> tuple[str, ...]:
    return tuple(_namespace(name) for name in _names(value))


def _namespace(value: object) -> str:
    name = _text(value)
    if not _NAMESPACE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a namespace: lower-case letters, digits and '-', at most 63 of them")
    return name


def _url(value: object) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is no URL: write it as https://opa.example:8181")
    if parts.username or parts.password:
        raise ValueError("holds credentials, which would be shown by --print-config: leave them out")
    return text


def _installation(value: object) -> str:
    name = _text(value)
    if not _INSTALLATION.fullmatch(name):
        raise ValueError(f"{name!r} must be at most 52 lower-case letters, digits and '-', and begin with a letter")
    return name


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


def pairs(value: object) -> dict[str, Any]:
    """Read a mapping, or a text such as `a=1,b=2`, or a list of these; raises ValueError."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    found: dict[str, Any] = {}
    for pair in _names(value):
        key, equals, item = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{pair!r} must be name=value")
        found[key.strip()] = item.strip()
    return found


def one_of(*choices: str) -> Callable[[object], str]:
    """A reader of one of some words."""

    def read(value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else None
        if word not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return word

    return read


Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(_text)]
Url = Annotated[str, BeforeValidator(_url)]
Span = Annotated[timedelta, BeforeValidator(span)]
"""A positive duration, in Go's form."""
Count = Annotated[int, BeforeValidator(count)]
"""A whole number from 1."""
Rate = Annotated[float, BeforeValidator(rate)]
Address = Annotated[str, BeforeValidator(_bind)]
"""Where to listen; "0" for nowhere."""
Name = Annotated[str, BeforeValidator(_installation)]
"""The name of an installation."""
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Namespace = Annotated[str, BeforeValidator(_namespace)]
Namespaces = Annotated[tuple[str, ...], BeforeValidator(_namespaces)]
File = Annotated[Path, BeforeValidator(_path)]
