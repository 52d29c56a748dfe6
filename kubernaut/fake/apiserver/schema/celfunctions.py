"""The functions that Kubernetes adds to CEL, for an engine whose extensions know plain values only.

Values of the types that Kubernetes adds (quantity, url, ip, cidr, semver, format) are lists of strings that begin with
the type's name, in canonical form: so `==` compares them as Kubernetes does, and one overload serves a method that
several types have. Source: apiserver/pkg/cel/library.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from kubernaut.fake.apiserver.quantity import Quantity
from kubernaut.fake.apiserver.schema.formats import fits_format, parses

Value = list[str]
_SEMVER: Final = re.compile(
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$"
)
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
# name of the function: longest text, pattern
_FORMATS: Final = {
    "dns1123Label": (63, _LABEL),
    "dns1123Subdomain": (253, rf"{_LABEL}(\.{_LABEL})*"),
    "dns1035Label": (63, r"[a-z]([-a-z0-9]*[a-z0-9])?"),
    "qualifiedName": (317, rf"({_LABEL}(\.{_LABEL})*/)?{_QUALIFIED}"),
    "dns1123LabelPrefix": (63, r"[a-z0-9]([-a-z0-9]*[a-z0-9]?)?-?"),
    "dns1123SubdomainPrefix": (253, r"[a-z0-9]([-.a-z0-9]*)?"),
    "dns1035LabelPrefix": (63, r"[a-z]([-a-z0-9]*[a-z0-9]?)?-?"),
    "labelValue": (63, rf"({_QUALIFIED})?"),
}
_NAMED: Final = {"uri": "uri", "uuid": "uuid", "byte": "byte", "date": "date", "datetime": "date-time"}


def _quantity(text: str) -> Value:
    return ["quantity", format(Quantity.parse(text).amount.normalize(), "f")]


def _url(text: str) -> Value:
    parts = urlsplit(text)
    if not (parts.scheme and parts.netloc) and not text.startswith("/"):
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": invalid URI for request')
    return ["url", text]


def _ip(text: str) -> Value:
    found = ipaddress.ip_address(text)
    if isinstance(found, ipaddress.IPv6Address) and (found.ipv4_mapped is not None or "%" in text):
        raise ValueError(f"IPv4-mapped IPv6 address or zone is not allowed: {text}")
    return ["ip", str(found)]


def _cidr(text: str) -> Value:
    if "/" not in text:
        raise ValueError(f"CIDR Address parse error during conversion from string: no '/' in {text}")
    return ["cidr", str(ipaddress.ip_interface(text))]


def _semver(text: str) -> Value:
    found = _SEMVER.match(text)
    if found is None:
        raise ValueError(f"semver {text} is not valid")
    return ["semver", *(part or "" for part in found.groups())]


def _semver_key(value: Value) -> tuple[Any, ...]:
    numbers = tuple(int(part) for part in value[1:4])
    # a release is after its pre-releases; numbers are before words
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in value[4].split(".")] if value[4] else []
    return (*numbers, not parts, parts)


def _compare(a: Value, b: Value) -> int:
    if a[0] != b[0]:
        raise ValueError("no such overload")
    first, second = (_semver_key(a), _semver_key(b)) if a[0] == "semver" else (Decimal(a[1]), Decimal(b[1]))
    return (first > second) - (first < second)  # type: ignore[operator]


def _plus(value: Value, other: Value | int, sign: int) -> Value:
    amount = Decimal(other if isinstance(other, int) else other[1])
    return ["quantity", format((Decimal(value[1]) + sign * amount).normalize(), "f")]


def _whole(value: Value) -> int:
    amount = Decimal(value[1])
    if amount != amount.to_integral_value():
        raise ValueError("cannot convert value to integer")
    return int(amount)


def _address(value: Value) -> Any:
    return ipaddress.ip_address(value[1])


def _contains_ip(value: Value, other: Value | str) -> bool:
    return (
        ipaddress.ip_address(other if isinstance(other, str) else other[1]) in ipaddress.ip_interface(value[1]).network
    )


def _contains_cidr(value: Value, other: Value | str) -> bool:
    inner = ipaddress.ip_interface(other if isinstance(other, str) else other[1]).network
    outer = ipaddress.ip_interface(value[1]).network
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _masked(value: Value) -> Value:
    return ["cidr", str(ipaddress.ip_interface(value[1]).network)]


def _host(value: Value) -> str:
    return urlsplit(value[1]).netloc.rpartition("@")[2]


def _hostname(value: Value) -> str:
    return urlsplit(value[1]).hostname or ""


def _validate(value: Value, text: str) -> list[str]:
    """What is wrong with the text, in one sentence; nothing if it is of the format."""
    name = value[1]
    if name in _NAMED:
        return [] if fits_format(text, _NAMED[name]) else [f"invalid {name}"]
    longest, pattern = _FORMATS[name]
    if len(text) > longest:
        return [f"must be no more than {longest} characters"]
    return [] if re.fullmatch(pattern, text) else [f"must match the regular expression {pattern}"]


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match[0] if match else ""


def _sorted(items: list[Any]) -> bool:
    return all(a <= b for a, b in itertools.pairwise(items))


def _within(a: list[Any], b: list[Any]) -> bool:
    return all(item in a for item in b)


def kubernetes_functions(cel: Any) -> list[Any]:
    """The declarations, for the module of cel-expr-python.

    Missing: `indexOf` and `lastIndexOf` of lists and `string` of the added types, whose names the engine has taken, and
    `format.named`.
    """
    kind = cel.Type
    text, yes, number = kind.STRING, kind.BOOL, kind.INT
    some, value = kind.List(kind.DYN), kind.List(text)

    def declare(name: str, *overloads: tuple[Any, list[Any], Callable[..., Any]], member: bool = True) -> Any:
        declared = [
            cel.Overload(f"kubernetes_{name.replace('.', '_')}_{index}", result, parameters, member, impl=impl)
            for index, (result, parameters, impl) in enumerate(overloads)
        ]
        return cel.FunctionDecl(name, declared)

    def make(name: str, result: Any, parameters: list[Any], impl: Callable[..., Any]) -> Any:
        return declare(name, (result, parameters, impl), member=False)

    def of(name: str, result: Any, impl: Callable[..., Any]) -> Any:
        return declare(name, (result, [value], impl))

    both = cel.FunctionDecl(
        "ip",
        [
            cel.Overload("kubernetes_ip", value, [text], False, impl=_ip),
            cel.Overload("kubernetes_ip_of_cidr", value, [value], True, impl=lambda v: ["ip", v[1].partition("/")[0]]),
        ],
    )
    return [
        declare("isSorted", (yes, [some], _sorted)),
        declare("sum", (kind.DYN, [some], sum)),
        declare("min", (kind.DYN, [some], min)),
        declare("max", (kind.DYN, [some], max)),
        declare("find", (text, [text, text], _find)),
        declare("findAll", (value, [text, text], _find_all), (value, [text, text, number], _find_all)),
        make("sets.contains", yes, [some, some], _within),
        make("sets.intersects", yes, [some, some], lambda a, b: any(item in a for item in b)),
        make("sets.equivalent", yes, [some, some], lambda a, b: _within(a, b) and _within(b, a)),
        make("quantity", value, [text], _quantity),
        make("isQuantity", yes, [text], parses(_quantity)),
        of("isInteger", yes, lambda v: parses(lambda _: _whole(v))("")),
        of("asInteger", number, _whole),
        of("asApproximateFloat", kind.DOUBLE, lambda v: float(v[1])),
        of("sign", number, lambda v: (Decimal(v[1]) > 0) - (Decimal(v[1]) < 0)),
        declare("add", *((value, [value, kind_], lambda v, o: _plus(v, o, 1)) for kind_ in (value, number))),
        declare("sub", *((value, [value, kind_], lambda v, o: _plus(v, o, -1)) for kind_ in (value, number))),
        declare("compareTo", (number, [value, value], _compare)),
        declare("isGreaterThan", (yes, [value, value], lambda a, b: _compare(a, b) > 0)),
        declare("isLessThan", (yes, [value, value], lambda a, b: _compare(a, b) < 0)),
        make("url", value, [text], _url),
        make("isURL", yes, [text], parses(_url)),
        of("getScheme", text, lambda v: urlsplit(v[1]).scheme),
        of("getHost", text, _host),
        of("getHostname", text, _hostname),
        of("getPort", text, lambda v: str(urlsplit(v[1]).port or "")),
        of("getEscapedPath", text, lambda v: urlsplit(v[1]).path),
        of("getQuery", kind.Map(text, value), lambda v: parse_qs(urlsplit(v[1]).query, keep_blank_values=True)),
        both,
        make("isIP", yes, [text], parses(_ip)),
        make("ip.isCanonical", yes, [text], lambda t: _ip(t)[1] == t),
        of("family", number, lambda v: _address(v).version),
        of("isUnspecified", yes, lambda v: _address(v).is_unspecified),
        of("isLoopback", yes, lambda v: _address(v).is_loopback),
        of("isLinkLocalMulticast", yes, lambda v: str(v[1]).startswith(("224.0.0.", "ff02:", "ff12:", "ff32:"))),
        of("isLinkLocalUnicast", yes, lambda v: _address(v).is_link_local),
        of("isGlobalUnicast", yes, lambda v: not _special(_address(v))),
        make("cidr", value, [text], _cidr),
        make("isCIDR", yes, [text], parses(_cidr)),
        declare("containsIP", *((yes, [value, kind_], _contains_ip) for kind_ in (value, text))),
        declare("containsCIDR", *((yes, [value, kind_], _contains_cidr) for kind_ in (value, text))),
        of("masked", value, _masked),
        of("prefixLength", number, lambda v: ipaddress.ip_interface(v[1]).network.prefixlen),
        make("semver", value, [text], _semver),
        make("isSemver", yes, [text], parses(_semver)),
        of("major", number, lambda v: int(v[1])),
        of("minor", number, lambda v: int(v[2])),
        of("patch", number, lambda v: int(v[3])),
        *(make(f"format.{name}", value, [], lambda name=name: ["format", name]) for name in (*_FORMATS, *_NAMED)),
        declare("validate", (value, [value, text], _validate)),
    ]


def _special(address: Any) -> bool:
    return bool(
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or str(address) == "255.255.255.255"
    )
