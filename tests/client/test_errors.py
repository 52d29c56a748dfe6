"""Errors are told apart by the Status' reason, else by the code."""

import msgspec
import pytest

from kubernaut import client
from kubernaut.client import ApiError, error_from_status


def status(code: int, reason: str = "", **details: object) -> bytes:
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": "m", "details": details}
    return msgspec.json.encode(body)


@pytest.mark.parametrize(
    ("code", "reason", "cls"),
    [
        (400, "BadRequest", client.BadRequest),
        (401, "Unauthorized", client.Unauthorized),
        (403, "Forbidden", client.Forbidden),
        (404, "NotFound", client.NotFound),
        (409, "AlreadyExists", client.AlreadyExists),
        (409, "Conflict", client.Conflict),
        (409, "", client.Conflict),
        (410, "Gone", client.Gone),
        (410, "Expired", client.Expired),
        (410, "", client.Gone),
        (422, "Invalid", client.Invalid),
        (429, "TooManyRequests", client.TooManyRequests),
        (500, "InternalError", client.InternalError),
        (500, "ServerTimeout", client.ServerTimeout),
        (500, "", client.InternalError),
        (503, "ServiceUnavailable", client.ServiceUnavailable),
        (504, "Timeout", client.Timeout),
        (418, "Teapot", ApiError),
    ],
)
def test_the_class_follows_reason_then_code(code: int, reason: str, cls: type[ApiError]) -> None:
    error = error_from_status(code, status(code, reason))
    assert type(error) is cls
    assert (error.code, error.message) == (code, "m")


def test_expired_is_a_kind_of_gone() -> None:
    assert issubclass(client.Expired, client.Gone)


def test_causes_are_typed() -> None:
    body = status(422, "Invalid", causes=[{"reason": "FieldValueInvalid", "message": "no", "field": "spec.x"}])
    (cause,) = error_from_status(422, body).causes
    assert (cause.reason, cause.message, cause.field) == ("FieldValueInvalid", "no", "spec.x")


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7),
        ({}, {"retryAfterSeconds": 3}, 3),
        ({}, {}, None),
        ({"retry-after": "x"}, {}, None),
    ],
)
def test_retry_after_comes_from_details_or_header(
    headers: dict[str, str], details: dict[str, int], seconds: float | None
) -> None:
    assert error_from_status(429, status(429, "TooManyRequests", **details), headers).retry_after == seconds


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"", b"[1]", b'{"kind":"Pod"}', b"\xff"])
def test_a_body_that_is_no_status_still_makes_an_error(body: bytes) -> None:
    error = error_from_status(503, body)
    assert isinstance(error, client.ServiceUnavailable)
    assert error.message
    assert "503" in str(error)
