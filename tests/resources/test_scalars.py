"""Scalar types keep Kubernetes' wire forms."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import ValidationError

from kubernaut.resources import (
    Duration,
    IntOrString,
    MicroTime,
    Model,
    Quantity,
    Time,
    format_duration,
    parse_duration,
    quantity_value,
)


class Scalars(Model):
    at: Time | None = None
    exact: MicroTime | None = None
    span: Duration | None = None
    amount: Quantity | None = None
    port: IntOrString | None = None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30),
        ("5m0s", 300),
        ("1h0m0s", 3600),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("-2m", -120),
        ("1h30m", 5400),
        ("10us", 0.00001),
        ("10µs", 0.00001),
    ],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5d", "1h-5m", "PT5M", "5m\n", "99999999999h", "2562048h"])
def test_what_go_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=30), "30s"),
        (timedelta(minutes=5), "5m0s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(days=2, seconds=1), "48h0m1s"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(seconds=60.05), "1m0.05s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(minutes=-2), "-2m0s"),
    ],
)
def test_durations_are_written_as_go_writes_them(span: timedelta, text: str) -> None:
    assert format_duration(span) == text
    assert parse_duration(text) == span


@pytest.mark.parametrize("given", ["5m0s", "PT5M", "5m", 300, timedelta(minutes=5), "00:05:00"])
def test_a_duration_field_reads_many_forms_and_writes_one(given: object) -> None:
    assert Scalars.from_dict({"span": given}).to_dict() == {"span": "5m0s"}


def test_times_are_written_in_whole_seconds_and_micro_times_always_with_six_digits() -> None:
    moment = datetime(2024, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=1)))
    assert Scalars(at=moment, exact=moment).to_dict() == {
        "at": "2024-01-01T00:00:00Z",
        "exact": "2024-01-01T00:00:00.000000Z",
    }
    late = datetime(2024, 1, 1, microsecond=999_999, tzinfo=UTC)
    assert Scalars(at=late).to_dict() == {"at": "2024-01-01T00:00:00Z"}


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        Scalars(at=datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("100u", "0.0001"),
        ("-3M", "-3000000"),
        (".5", "0.5"),
    ],
)
def test_a_quantity_has_a_value_and_stays_as_written(text: str, number: str) -> None:
    assert quantity_value(text) == Decimal(number)
    assert Scalars.from_dict({"amount": text}).to_dict() == {"amount": text}


def test_a_quantity_may_be_given_as_a_number_and_nonsense_is_refused() -> None:
    assert Scalars.from_dict({"amount": 2}).amount == "2"
    with pytest.raises(ValidationError, match="quantity"):
        Scalars.from_dict({"amount": "much"})


@pytest.mark.parametrize("value", [80, "http", "80", "25%"])
def test_int_or_string_keeps_its_type(value: int | str) -> None:
    assert Scalars.from_dict({"port": value}).to_dict() == {"port": value}
