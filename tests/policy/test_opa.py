"""A policy server: OPA itself, and one that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from kubernaut.policy import OpaEvaluator, PolicyInput, PolicyTarget, PolicyUnavailable, RegoEvaluator
from tests.policy import opa

QUESTION = PolicyInput(
    action="scale-deployment",
    target=PolicyTarget("apps/v1", "Deployment", "shop", "web"),
    parameters={"replicas": 3},
    risk="medium",
    time=datetime(2024, 1, 1, tzinfo=UTC),
)
ALLOWED = {"allowed": True, "requires_approval": False, "requires_dry_run": False, "violations": []}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """OPA with the shipped bundle."""
    if opa.program() is None:
        pytest.skip("OPA is not installed (tools/opa.sh builds it)")
    with opa.server() as url:
        yield url


@pytest.fixture
async def evaluator(server: str) -> AsyncIterator[OpaEvaluator]:
    async with OpaEvaluator(server) as made:
        yield made


QUESTIONS = [
    QUESTION,
    replace(QUESTION, target=PolicyTarget("apps/v1", "Deployment", "kube-system", "dns")),
    replace(QUESTION, environment="production", parameters={"replicas": 0}),
    replace(QUESTION, action="drain-node", target=PolicyTarget("v1", "Node", None, "node-1"), risk="high"),
    replace(QUESTION, action="delete-resource", target=PolicyTarget("v1", "Namespace", None, "shop"), risk="high"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.action}-{question.target.name}")
async def test_a_real_server_decides_as_the_evaluator_in_process_does(
    evaluator: OpaEvaluator, question: PolicyInput
) -> None:
    remote, local = await evaluator.evaluate(question), await RegoEvaluator().evaluate(question)
    assert remote.evaluator == "opa"
    assert (remote.allowed, remote.requires_approval, remote.requires_dry_run) == (
        local.allowed,
        local.requires_approval,
        local.requires_dry_run,
    )
    assert remote.violations == local.violations
    assert remote.approval_reasons == local.approval_reasons


async def test_a_path_without_a_decision_is_no_answer(server: str) -> None:
    async with OpaEvaluator(server, path="nowhere/decision") as evaluator:
        with pytest.raises(PolicyUnavailable, match="undefined for this input: is the bundle loaded"):
            await evaluator.evaluate(QUESTION)


async def test_a_real_server_names_the_decision_in_its_log(tmp_path: Path) -> None:
    if opa.program() is None:
        pytest.skip("OPA is not installed (tools/opa.sh builds it)")
    (tmp_path / "decision.rego").write_text(
        "package kubernaut\n\nimport rego.v1\n\n"
        'decision := {"allowed": true, "requires_approval": false, "requires_dry_run": false, "violations": []}\n'
    )
    config = tmp_path / "config.yaml"
    config.write_text("decision_logs: {console: true}\n")
    with opa.server(str(tmp_path / "decision.rego"), "--config-file", str(config)) as url:
        async with OpaEvaluator(url) as evaluator:
            first, second = await evaluator.evaluate(QUESTION), await evaluator.evaluate(QUESTION)
    assert first.decision_id and first.decision_id != second.decision_id
    assert first.to_dict()["decisionId"] == first.decision_id


async def test_a_server_that_is_down_is_no_answer() -> None:
    async with OpaEvaluator("http://127.0.0.1:1", pause=0) as evaluator:
        with pytest.raises(PolicyUnavailable, match="opa: cannot be reached"):
            await evaluator.evaluate(QUESTION)


def misbehaving(handle: Callable[[httpx.Request], Any], **options: Any) -> OpaEvaluator:
    return OpaEvaluator("http://opa", transport=httpx.MockTransport(handle), pause=0, **options)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    answers = iter([httpx.Response(status), httpx.Response(status), httpx.Response(200, json={"result": ALLOWED})])
    async with misbehaving(lambda _: next(answers)) as evaluator:
        assert (await evaluator.evaluate(QUESTION)).allowed


async def test_the_retries_are_bounded() -> None:
    asked: list[httpx.Request] = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, text="busy")

    async with misbehaving(busy, retries=3) as evaluator:
        with pytest.raises(PolicyUnavailable, match="answered 503: busy"):
            await evaluator.evaluate(QUESTION)
    assert len(asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_another_attempt_cannot_mend_is_asked_once(status: int) -> None:
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, text="no")

    async with misbehaving(refuse) as evaluator:
        with pytest.raises(PolicyUnavailable, match=f"answered {status}: no"):
            await evaluator.evaluate(QUESTION)
    assert len(asked) == 1


async def test_a_silent_server_is_not_waited_for() -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    async with misbehaving(silent, timeout=0.01, retries=1) as evaluator:
        with pytest.raises(PolicyUnavailable, match=r"no answer within 0\.01 s"):
            await evaluator.evaluate(QUESTION)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"result": true}',
        b'{"result": {"allowed": "yes"}}',
        b'{"result": {"allowed": true, "requires_approval": false, "requires_dry_run": false}}',
    ],
)
async def test_an_answer_that_is_no_decision_is_never_taken_for_leave(answer: bytes) -> None:
    async with misbehaving(lambda _: httpx.Response(200, content=answer)) as evaluator:
        with pytest.raises(PolicyUnavailable):
            await evaluator.evaluate(QUESTION)


async def test_the_revision_is_that_of_the_server_s_bundles() -> None:
    provenance = {"bundles": {"b": {"revision": "2"}, "a": {"revision": "1"}}}
    answer = {"result": ALLOWED, "provenance": provenance, "decision_id": "abc"}
    async with misbehaving(lambda _: httpx.Response(200, json=answer)) as evaluator:
        decision = await evaluator.evaluate(QUESTION)
    assert (decision.revision, decision.decision_id) == ("a@1,b@2", "abc")


async def test_the_token_and_the_input_are_sent() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer word"
        assert b'"action":"scale-deployment"' in request.content
        return httpx.Response(200, json={"result": ALLOWED})

    async with misbehaving(handle, token="word") as evaluator:
        assert (await evaluator.evaluate(QUESTION)).allowed


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="timeout"):
        OpaEvaluator("http://opa", timeout=0)
    with pytest.raises(ValueError, match="retries"):
        OpaEvaluator("http://opa", retries=-1)
