"""The pure parts: redaction, the log's tail, the digest."""

from __future__ import annotations

import time

import pytest

from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.execution.redact import TAIL_BYTES, log_tail, redact, tail
from kubernaut.remediation.execution.types import KubernetesExecutionSpec


@pytest.mark.parametrize(
    "text",
    [
        "password=SECRETVALUE1",
        'DB_PASSWORD: "SECRETVALUE1 with spaces"',
        "export AWS_SECRET_ACCESS_KEY=SECRETVALUE1",
        "Authorization: Bearer SECRETVALUE1",
        "authorization: Basic SECRETVALUE1==",
        '{"api_key": "SECRETVALUE1", "x": 1}',
        "https://user:SECRETVALUE1@host/path",
        "--token SECRETVALUE1 --verbose",
        "-----BEGIN RSA PRIVATE KEY-----\nSECRETVALUE1\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nSECRETVALUE1",
        "SECRETVALUE1\nSECRETVALUE1\n-----END PRIVATE KEY-----",
        "kind: Secret\ndata:\n  tls.crt: SECRETVALUE1\n  other: SECRETVALUE1\ntype: Opaque",
        '{"kind": "Secret", "data": {"a": "SECRETVALUE1"}}',
        "using eyJhbGciOiJSECRETVALUE1.eyJzdWIiOiJSECRETVALUE1.SECRETVALUE1 now",
    ],
)
def test_credentials_do_not_survive(text: str) -> None:
    assert "SECRETVALUE1" not in redact(f"before\n{text}\nafter" if not text.startswith("SECRET") else text)


@pytest.mark.parametrize(
    "text", ["deployment.apps/web scaled", "tokens are fine in prose", "kind: Secret is not found", "a: b\nc=d"]
)
def test_ordinary_lines_are_kept(text: str) -> None:
    assert redact(text) == text


def test_the_tail_is_bounded_whole_lines_and_valid_text() -> None:
    long = "\n".join(f"line {n} äöü" for n in range(20_000))
    cut = tail(long)
    assert len(cut.encode()) <= TAIL_BYTES and cut.startswith("line ") and long.endswith(cut)
    assert len(tail("ä" * 100_000).encode()) <= TAIL_BYTES
    assert tail("short") == "short"


def test_a_secret_is_redacted_before_the_cut_could_part_it_from_its_name() -> None:
    assert "SECRET" not in log_tail("password=" + "SECRET" * 20_000)


def test_the_digest_ignores_order_and_sees_every_change() -> None:
    base = {"action": "a", "target": {"kind": "Pod", "name": "x"}, "parameters": {"a": 1, "b": "2"}}
    digest = spec_digest(KubernetesExecutionSpec.from_dict(base))
    swapped = {"parameters": {"b": "2", "a": 1}, "target": {"name": "x", "kind": "Pod"}, "action": "a"}
    assert spec_digest(KubernetesExecutionSpec.from_dict(swapped)) == digest
    for change in ({"parameters": {"a": 1, "b": 2}}, {"unknown": True}, {"timeout": "1s"}):
        assert spec_digest(KubernetesExecutionSpec.from_dict({**base, **change})) != digest


@pytest.mark.parametrize(
    "piece", ["SECRET", "eyJ-", "a.a-", 'password: "', "token ", "a://b:", "--token-", "-----BEGIN "]
)
def test_hostile_logs_take_linear_time(piece: str) -> None:
    started = time.process_time()
    redact(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 5
