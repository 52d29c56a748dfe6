"""The HTTP analyzer against a real server that tells the truth, and one that lies."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kubernaut.remediation.analysis import AnalysisInput, AnalyzerError, AnalyzerUnavailable, HttpAnalyzer
from kubernaut.remediation.analysis.analyzer import Answer, offers
from kubernaut.testing.envtest.certificates import Authority
from tests.remediation.analysis import stub
from tests.remediation.analysis.asked import CATALOG
from tests.remediation.analysis.stub import answer, head, sending, sending_json, serving
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import WEB

QUESTION = AnalysisInput.from_dict(
    {
        "signal": given.signal(),
        "target": WEB,
        "askedAt": "2024-01-01T00:00:00Z",
        "actions": [offer.to_dict() for offer in offers(CATALOG)],
    }
)


async def failing(write: stub.Writer, **options: Any) -> AnalyzerError:
    """The error that an answer leads to."""
    async with serving(write) as server, HttpAnalyzer(server.url, **options) as analyzer:
        with pytest.raises(AnalyzerError) as caught:
            await analyzer.analyze(QUESTION)
    assert len(str(caught.value)) < 2000
    return caught.value


async def test_an_answer_that_fits_is_taken() -> None:
    document = answer(evidence=[{"source": "pod/web-1", "text": "leaks"}], revision="gpt-9", recommendation="approve")
    async with serving(sending_json(document)) as server, HttpAnalyzer(server.url, name="holmes") as analyzer:
        result = await analyzer.analyze(QUESTION)
    assert (result.analyzer, result.revision, result.confidence) == ("holmes", "gpt-9", 0.9)
    assert result.steps[0].action == "restart-deployment" and result.recommendation == "approve"


async def test_the_question_tells_the_signal_the_target_and_every_action() -> None:
    async with serving(sending_json(answer())) as server, HttpAnalyzer(server.url, token="abc") as analyzer:
        await analyzer.analyze(QUESTION)
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer abc"
    assert request.headers["accept-encoding"] == "identity"
    assert request.body["version"] == 1 and request.body["signal"]["name"] == "KubePodCrashLooping"
    assert {each["name"] for each in request.body["actions"]} == set(CATALOG.names())
    scale = next(each for each in request.body["actions"] if each["name"] == "scale-deployment")
    assert scale["parameters"]["properties"]["replicas"]["maximum"] == 100
    assert scale["targets"] == ["apps/v1 Deployment"]


async def test_a_token_file_is_read_for_every_call(tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with serving(sending_json(answer())) as server, HttpAnalyzer(server.url, token_file=file) as analyzer:
        with pytest.raises(AnalyzerUnavailable, match="the token cannot be read"):
            await analyzer.analyze(QUESTION)
        for token in ("one", "two"):
            file.write_text(f"{token}\n")
            await analyzer.analyze(QUESTION)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer one", "Bearer two"]


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([1, 2], "the answer"),
    "empty": (b"", "Invalid JSON"),
    "truncated JSON": (json.dumps(answer()).encode()[:-20], "Invalid JSON"),
    "not UTF-8": (b'{"rootCause": "\xff"}', "Invalid JSON"),
    "a page": (b"<html>sign in</html>", "Invalid JSON"),
    "nothing required": ({}, "rootCause: Field required"),
    "a confidence above one": (answer(confidence=1.5), "confidence: Input should be less than or equal to 1"),
    "a confidence that is a text": (answer(confidence="high"), "confidence: Input should be a valid number"),
    "a confidence that is no number": (json.dumps(answer(confidence=float("nan"))).encode(), "confidence"),
    "steps that are texts": ({**answer(), "steps": ["rm -rf /"]}, "steps.0"),
    "a misspelt field": (answer(recomendation="proceed"), "recomendation: Extra inputs"),
    "another recommendation": (answer(recommendation="always"), "recommendation: Input should be"),
    "an object as a parameter": (answer(stub.step(parameters={"a": {"b": 1}})), "steps.0.parameters.a"),
    "a null name": (answer(stub.step(name=None)), "steps.0.name"),
    "no target": (answer({"name": "a", "action": "restart-deployment"}), "steps.0.target: Field required"),
    "nesting without end": (b"[" * 100_000, "Invalid JSON"),
}


@pytest.mark.parametrize("lie", list(WRONG))
async def test_an_answer_of_the_wrong_shape_is_an_error_that_names_the_field(lie: str) -> None:
    document, told = WRONG[lie]
    error = await failing(sending_json(document))
    assert not isinstance(error, AnalyzerUnavailable)
    assert "does not fit the schema" in str(error) and told in str(error)


async def test_an_answer_of_many_megabytes_is_not_read_to_its_end() -> None:
    sent = 0

    async def write(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head(50_000_000))
        for _ in range(500):
            writer.write(b" " * 100_000)
            await writer.drain()
            sent += 100_000

    error = await failing(write)
    assert str(error) == "the answer has more than 1048576 bytes"
    assert sent < 50_000_000


async def test_a_compressed_answer_is_refused_unread() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    error = await failing(sending_json(bomb, content_encoding="gzip"))
    assert "compressed" in str(error)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_redirects_are_not_followed(status: str) -> None:
    error = await failing(sending_json(b"", status, location="http://169.254.169.254/latest"))
    assert str(error) == f"HTTP {status[:3]}: redirects are not followed"
    assert not isinstance(error, AnalyzerUnavailable)


@pytest.mark.parametrize("status", ["408 Request Timeout", "429 Too Many", "500 Oh", "502 Bad", "503 Busy", "504 Late"])
async def test_what_may_pass_is_worth_another_call(status: str) -> None:
    error = await failing(sending_json({"detail": "token=abc"}, status, retry_after="7"))
    assert isinstance(error, AnalyzerUnavailable) and error.retry_after == timedelta(seconds=7)
    assert str(error).startswith(f"HTTP {status[:3]}") and "abc" not in str(error)


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "204 No Content"])
async def test_other_statuses_are_final(status: str) -> None:
    error = await failing(sending_json({}, status) if status[0] != "2" else sending(head(0, status)))
    assert not isinstance(error, AnalyzerUnavailable) and f"HTTP {status[:3]}" in str(error)


@pytest.mark.parametrize("wait", ["soon", "-1", "1e9", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_retry_after_that_is_no_short_number_is_left_out(wait: str) -> None:
    error = await failing(sending_json({}, "503 Busy", retry_after=wait))
    assert isinstance(error, AnalyzerUnavailable) and error.retry_after is None


async def trickling(writer: asyncio.StreamWriter) -> None:
    writer.write(head(1000))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("write", [stub.silent, trickling], ids=["silence", "a byte at a time"])
async def test_time_is_up_whatever_the_server_does(write: stub.Writer) -> None:
    error = await failing(write, timeout=0.3)
    assert isinstance(error, AnalyzerUnavailable) and str(error) == "no answer within 0.3 s"


@pytest.mark.parametrize("write", [sending(b""), sending(head(500), b'{"rootCause"'), sending(b"SSH-2.0-OpenSSH\r\n")])
async def test_a_broken_connection_is_worth_another_call(write: stub.Writer) -> None:
    error = await failing(write)
    assert isinstance(error, AnalyzerUnavailable) and "cannot be reached" in str(error)


async def test_nobody_there_is_worth_another_call() -> None:
    async with HttpAnalyzer("http://127.0.0.1:1/") as analyzer:
        with pytest.raises(AnalyzerUnavailable, match="cannot be reached"):
            await analyzer.analyze(QUESTION)


async def test_only_the_given_authority_is_believed(tmp_path: Path) -> None:
    authority, other = Authority("holmes"), Authority("somebody else")
    for name, pem in (("ca", authority.pem), ("other", other.pem)):
        (tmp_path / name).write_bytes(pem)
    pair = authority.server(["127.0.0.1"])
    (tmp_path / "pair").write_bytes(pair.certificate + pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "pair")
    async with serving(sending_json(answer()), tls) as server:
        async with HttpAnalyzer(server.url, ca_file=tmp_path / "ca") as analyzer:
            assert (await analyzer.analyze(QUESTION)).confidence == 0.9
        for ca_file in (tmp_path / "other", None):
            async with HttpAnalyzer(server.url, ca_file=ca_file) as analyzer:
                with pytest.raises(AnalyzerUnavailable, match="cannot be reached"):
                    await analyzer.analyze(QUESTION)


async def test_the_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with serving(sending_json(answer())) as server, HttpAnalyzer(server.url) as analyzer:
        assert (await analyzer.analyze(QUESTION)).confidence == 0.9


async def test_a_call_that_is_cancelled_ends() -> None:
    async with serving(stub.silent) as server, HttpAnalyzer(server.url) as analyzer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await analyzer.analyze(QUESTION)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: HttpAnalyzer("holmes:8080"), "must be an http or https address"),
        (lambda: HttpAnalyzer("file:///etc/passwd"), "must be an http or https address"),
        (lambda: HttpAnalyzer("http://user:secret@holmes"), "must not hold credentials"),
        (lambda: HttpAnalyzer("http://holmes", timeout=0), "must be longer than zero"),
        (lambda: HttpAnalyzer("http://holmes", max_answer=0), "must be positive"),
        (lambda: HttpAnalyzer("http://holmes", token="a", token_file="b"), "give one of them"),
    ],
)
def test_settings_that_cannot_work_are_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_the_schema_of_the_answer_names_every_field() -> None:
    schema = Answer.model_json_schema(by_alias=True)
    assert set(schema["required"]) == {"rootCause", "confidence"}
    assert schema["additionalProperties"] is False
