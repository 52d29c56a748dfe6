"""The string formats that CRD schemas may ask for; unknown formats are no constraint."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from typing import Final
from urllib.parse import urlsplit

_DATE_TIME: Final = re.compile(
    r"^(\d{4}-\d{2}-\d{2})[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)
_DURATION: Final = re.compile(r"^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$")
_LONG_DURATION: Final = re.compile(
    r"^((\d+)\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?"
    r"|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+$",
    re.IGNORECASE,
)
_HOSTNAME: Final = re.compile(
    r"^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.?$"
)
_EMAIL: Final = re.compile(r"^[^@\s<>]+@[^@\s<>]+$")
_MAC: Final = re.compile(
    r"^([0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}([:-][0-9a-fA-F]{2}){0,2}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4})$"
)
_SHORT_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_LONG_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_MAX_NAME: Final = 253


def _uuid(version: str = "[0-9a-f]", variant: str = "[0-9a-f]") -> Callable[[str], bool]:
    pattern = re.compile(
        rf"^[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{version}[0-9a-f]{{3}}-?{variant}[0-9a-f]{{3}}-?[0-9a-f]{{12}}$",
        re.IGNORECASE,
    )
    return lambda text: pattern.match(text) is not None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return re.match(r"^\d{4}-\d{2}-\d{2}$", text) is not None


def _is_date_time(text: str) -> bool:
    found = _DATE_TIME.match(text)
    return found is not None and _is_date(found[1])


def parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """A test of a text: whether `parse` takes it without a ValueError."""

    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _is_cidr(text: str) -> bool:
    return "/" in text and parses(lambda t: ipaddress.ip_network(t, strict=False))(text)


def _is_uri(text: str) -> bool:
    if not text or any(character.isspace() for character in text):
        return False
    return text.startswith("/") or bool(urlsplit(text).scheme)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "datetime": _is_date_time,
    "date": _is_date,
    "duration": lambda text: _DURATION.match(text) is not None or _LONG_DURATION.match(text) is not None,
    "uuid": _uuid(),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4", "[89ab]"),
    "uuid5": _uuid("5", "[89ab]"),
    "ipv4": parses(ipaddress.IPv4Address),
    "ipv6": parses(ipaddress.IPv6Address),
    "cidr": _is_cidr,
    "mac": lambda text: _MAC.match(text) is not None,
    "hostname": lambda text: len(text) <= _MAX_NAME + 2 and _HOSTNAME.match(text) is not None,
    "email": lambda text: _EMAIL.match(text) is not None,
    "uri": _is_uri,
    "byte": _is_base64,
    "hexcolor": lambda text: re.match(r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", text) is not None,
    "ssn": lambda text: re.match(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$", text) is not None,
    "bsonobjectid": lambda text: re.match(r"^[0-9a-f]{24}$", text) is not None,
    "k8sshortname": lambda text: _SHORT_NAME.match(text) is not None,
    "k8slongname": lambda text: len(text) <= _MAX_NAME and _LONG_NAME.match(text) is not None,
}


def fits_format(text: str, name: str) -> bool:
    """Whether `text` is of the format `name`; True for formats the server does not know."""
    check = _CHECKS.get(name.replace("-", ""))
    return check is None or check(text)
