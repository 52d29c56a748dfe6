"""Scalar types whose form on the wire is not the one pydantic would give them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
DURATION_PATTERN = r"^-?(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$"

_GO_DURATION = re.compile(r"([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+)\Z")
_GO_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)")
_MICROSECONDS = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),  # the micro sign and the Greek letter: Go reads both
    "μs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_OFFSET = len("+00:00")
_LONGEST = Decimal(2**63 - 1) / 1000
"""Microseconds in the longest duration that Go has."""
_QUANTITY = re.compile(QUANTITY_PATTERN)
_QUANTITY_PARTS = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(.*)\Z")
_SUFFIXES = {suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)} | {
    suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
}


@lru_cache(maxsize=512)
def parse_duration(text: str) -> timedelta:
    """Read a Go duration such as `1h5m0s` or `1.5s`.

    Raises ValueError for anything else, and like Go for one that 64 bits of nanoseconds do not hold (292 years). Parts
    below a microsecond are rounded.
    """
    if text in ("0", "+0", "-0"):
        return timedelta()
    match = _GO_DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s or 5m0s")
    total = sum((Decimal(n) * _MICROSECONDS[unit] for n, unit in _GO_PART.findall(match[2])), Decimal())
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than a duration can be (292 years)")
    span = timedelta(microseconds=round(total))
    return -span if match[1] == "-" else span


def format_duration(span: timedelta) -> str:
    """Write `span` as Go does: `0s`, `1.5s`, `250ms`, `5m0s`, `1h0m0s`."""
    micros = span // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    if micros == 0:
        return "0s"
    if micros < 1_000:
        return f"{sign}{micros}µs"
    if micros < 1_000_000:
        return f"{sign}{_trim(micros, 1_000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_trim(rest, 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _trim(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    return f"{whole}.{part:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".")


def format_time(moment: datetime) -> str:
    """Write `moment` (aware) as RFC 3339 in UTC, in whole seconds."""
    return _seconds(moment.astimezone(UTC))


@lru_cache(maxsize=4096)
def _seconds(moment: datetime) -> str:
    """Of a moment in UTC: elsewhere an hour comes twice, and its moments count as equal."""
    return moment.isoformat("T", "seconds")[:-_OFFSET] + "Z"


def format_micro_time(moment: datetime) -> str:
    """Write `moment` (aware) as RFC 3339 in UTC, always with six digits of a second."""
    return moment.astimezone(UTC).isoformat("T", "microseconds")[:-_OFFSET] + "Z"


def quantity_value(quantity: str) -> Decimal:
    """Give the number a quantity stands for: `250m` is 0.25, `1Ki` is 1024. Raises ValueError if it is none."""
    match = _QUANTITY_PARTS.match(_quantity(quantity))
    assert match is not None
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _SUFFIXES:
        return number * _SUFFIXES[suffix]
    return number * Decimal(10) ** Decimal(suffix[1:])


def _duration(value: Any) -> Any:
    # ISO 8601 ("PT5M") and clock forms ("00:05:00") are left to pydantic.
    if isinstance(value, str) and (_GO_DURATION.match(value) or value in ("0", "+0", "-0")):
        return parse_duration(value)
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone: write datetime.now(UTC), not utcnow()")
    return value


def _quantity(value: Any) -> str:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        value = format(value, "f") if isinstance(value, Decimal) else str(value)
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise ValueError(f"{value!r} is not a quantity such as 500m or 128Mi")
    return value


Time = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An aware moment; on the wire RFC 3339 in whole seconds, `2024-01-01T00:00:00Z`."""

MicroTime = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(format_micro_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An aware moment; on the wire RFC 3339 with six digits, `2024-01-01T00:00:00.000000Z`."""

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
"""A span of time; read from Go form, ISO 8601 or seconds; on the wire always Go form, `5m0s`."""

Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
"""An amount such as `500m` or `128Mi`, kept as written; `quantity_value` gives the number."""

IntOrString = Annotated[
    int | str,
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}),
]
"""A number or a string, such as a port's number or its name."""

JsonObject = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
"""Any JSON object; the server keeps every field of it."""
