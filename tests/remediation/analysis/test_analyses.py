"""The analysis controller on the fake cluster in virtual time, with analyzers that answer, are silent, or lie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kubernaut.client import Invalid, MergePatch, NotFound
from kubernaut.fake import FakeCluster
from kubernaut.remediation.analysis import (
    AIAnalysis,
    AnalysisInput,
    AnalysisResult,
    CombinedAnalyzer,
    HttpAnalyzer,
    Limits,
    analyses,
    crds,
)
from kubernaut.remediation.analysis.analyzer import AnalyzerError, AnalyzerUnavailable
from kubernaut.remediation.processing import RemediationProcessing, processings
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.testing import Fault
from tests.remediation.analysis.asked import RULES, analysis, config, running, status_of
from tests.remediation.analysis.stub import Memory, answer, step
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import NAMESPACE, WEB, at

# Analyses touch nothing but themselves and their facts: most need no pods.
pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]
lively = pytest.mark.cluster(declared=True)

TRUTH = (200, answer())


def http(*answers: Any, **options: Any) -> tuple[Memory, HttpAnalyzer]:
    memory = Memory(list(answers))
    return memory, HttpAnalyzer("http://holmes:8080/analyze", transport=memory, **options)


class Scripted:
    """An analyzer that does what a test says."""

    name = "scripted"

    def __init__(self, body: Callable[[AnalysisInput], Awaitable[AnalysisResult]]) -> None:
        self._body = body
        self.calls = 0

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        self.calls += 1
        return await self._body(question)


def alone(name: str = "rr-1", **spec: Any) -> AIAnalysis:
    """Without facts to wait for."""
    found = analysis(WEB, name, **spec)
    found.spec.processing_ref = None
    return found


async def asked(cluster: FakeCluster, analyzer: Any, wanted: AIAnalysis | None = None, seconds: float = 200) -> Any:
    """The status of an analysis after a while."""
    async with running(cluster, config(analyzer)):
        await cluster.client.create(wanted or alone())
        await cluster.advance(seconds=seconds)
        return await status_of(cluster)


async def test_an_answer_ends_it_with_a_proposal(cluster: FakeCluster) -> None:
    memory, analyzer = http(TRUTH, name="holmes")
    status = await asked(cluster, analyzer)
    assert (status.phase, status.attempts, status.analyzer) == ("completed", 1, "holmes")
    assert status.proposal.recommendation == "proceed" and status.completion_time is not None
    assert given.condition_of(status, "Ready") == "True Completed"
    assert len(memory.asked) == 1


async def test_what_monitoring_said_is_redacted_before_it_leaves_the_cluster(cluster: FakeCluster) -> None:
    memory, analyzer = http(TRUTH)
    wanted = alone()
    wanted.spec.signal.annotations = {"description": "login failed with password=hunter2"}
    await asked(cluster, analyzer, wanted)
    assert memory.asked[0]["signal"]["annotations"] == {"description": "login failed with password=[REDACTED]"}


async def test_what_may_pass_is_asked_again_at_a_time_that_is_in_the_status(cluster: FakeCluster) -> None:
    memory, analyzer = http((503, {}), httpx.ConnectError("refused"), TRUTH)
    async with running(cluster, config(analyzer)):
        await cluster.client.create(alone())
        await cluster.advance(seconds=1)
        waiting = await status_of(cluster)
        assert (waiting.phase, waiting.attempts) == ("analyzing", 1)
        assert waiting.next_attempt is not None and waiting.start_time is not None
        assert timedelta(seconds=2) <= waiting.next_attempt - waiting.start_time <= timedelta(seconds=4)
        assert given.condition_of(waiting, "AnalyzerAvailable") == "False AnalyzerUnavailable"
        await cluster.advance(seconds=60)
        status = await status_of(cluster)
    assert (status.phase, status.attempts, status.next_attempt) == ("completed", 3, None)
    assert status.condition("AnalyzerAvailable") is None
    assert len(memory.asked) == 3


async def test_the_pause_that_the_analyzer_asks_for_is_kept(cluster: FakeCluster) -> None:
    memory, analyzer = http((429, {}, {"retry-after": "40"}), TRUTH)
    async with running(cluster, config(analyzer)):
        await cluster.client.create(alone())
        await cluster.advance(seconds=38)
        assert len(memory.asked) == 1
        await cluster.advance(seconds=10)
        assert (await status_of(cluster)).phase == "completed"


async def test_silence_of_half_a_minute_is_waited_for_or_asked_again(cluster: FakeCluster) -> None:
    memory, analyzer = http(30, TRUTH, timeout=20)
    status = await asked(cluster, analyzer)
    assert (status.phase, status.attempts) == ("completed", 2)
    assert memory.most == 1


@pytest.mark.parametrize("last", [(500, {"detail": "no model"}), 10_000])
async def test_no_answer_ends_as_failed_within_the_limit(cluster: FakeCluster, last: Any) -> None:
    memory, analyzer = http(last)
    status = await asked(cluster, analyzer)
    assert (status.phase, status.reason) == ("failed", "AnalyzerUnavailable")
    assert status.message.startswith("no answer by 2024") and "http: " in status.message
    assert status.completion_time - status.start_time <= timedelta(minutes=2, seconds=5)
    assert 2 <= len(memory.asked) <= 10 and memory.most == 1
    before = len(memory.asked)
    await cluster.advance(minutes=10)
    assert len(memory.asked) == before


LIES: dict[str, tuple[Any, str, str]] = {
    "wrong schema": ((200, {"answer": 42}), "failed", "does not fit the schema"),
    "truncated": ((200, b'{"rootCause": "x", "conf'), "failed", "Invalid JSON"),
    "five megabytes": ((200, b" " * 5_000_000), "failed", "has more than 1048576 bytes"),
    "a redirect": ((302, {}, {"location": "http://evil"}), "failed", "redirects are not followed"),
    "not allowed": ((403, {"detail": "who are you"}), "failed", "HTTP 403"),
    "an unknown action": ((200, answer(step("run-shell"))), "completed", "there is no such action"),
    "kube-system": ((200, answer(step(target=at("Deployment", "dns", "kube-system")))), "completed", "protected"),
    "a shell": ((200, answer(step(target=at("Deployment", "web;id")))), "completed", "is not the name of an object"),
    "5 000 steps": (
        (200, answer(*[step(name=f"s{number}") for number in range(5_000)])),
        "completed",
        "it has 5000 steps",
    ),
    "10 000 steps": (
        (200, answer(*[step(name=f"s{number}") for number in range(10_000)])),
        "failed",
        "has more than 1048576 bytes",
    ),
}


@pytest.mark.parametrize("lie", list(LIES))
async def test_every_lie_ends_in_a_status_that_says_so(cluster: FakeCluster, lie: str) -> None:
    lied, phase, told = LIES[lie]
    memory, analyzer = http(lied)
    status = await asked(cluster, analyzer)
    assert (status.phase, len(memory.asked)) == (phase, 1)
    if phase == "failed":
        assert status.reason == "AnalyzerFailed" and told in status.message and status.proposal is None
    else:
        assert status.proposal.recommendation == "review" and status.proposal.steps == []
        assert told in status.proposal.reason


async def test_a_defect_of_an_analyzer_is_a_failure_and_not_a_crash(cluster: FakeCluster) -> None:
    async def broken(question: AnalysisInput) -> AnalysisResult:
        raise RuntimeError("out of ideas")

    status = await asked(cluster, Scripted(broken))
    assert (status.phase, status.reason) == ("failed", "InternalError")
    assert "out of ideas" in status.message


@lively
async def test_facts_that_come_late_are_waited_for(cluster: FakeCluster) -> None:
    seen: list[AnalysisInput] = []

    async def look(question: AnalysisInput) -> AnalysisResult:
        seen.append(question)
        return await RULES.analyze(question)

    async with running(cluster, config(Scripted(look))):
        await cluster.client.create(analysis(WEB))
        await cluster.advance(seconds=15)
        assert not seen
        await given.deploy(cluster)
        await cluster.client.create(given.processing(WEB))
        await cluster.advance(seconds=10)
    (question,) = seen
    assert question.facts is not None and question.facts.target is not None


async def test_without_facts_it_goes_on_after_a_while(cluster: FakeCluster) -> None:
    async with running(cluster, config(RULES)):
        await cluster.client.create(analysis(WEB))
        await cluster.advance(seconds=25)
        assert (await status_of(cluster)).phase == "analyzing"
        await cluster.advance(seconds=10)
        status = await status_of(cluster)
    assert status.phase == "completed" and status.proposal is not None
    assert status.proposal.recommendation == "review"


@lively
async def test_the_facts_of_another_processing_of_that_name_do_not_count(cluster: FakeCluster) -> None:
    async with running(cluster, config(RULES)):
        await given.deploy(cluster)
        await cluster.client.create(given.processing(WEB))
        await cluster.client.create(analysis(WEB, processingRef={"name": "rr-1", "uid": "another"}))
        await cluster.advance(seconds=20)
        assert (await status_of(cluster)).phase == "analyzing"
        await cluster.advance(seconds=20)
        status = await status_of(cluster)
    assert status.phase == "completed" and status.proposal is not None
    assert status.proposal.recommendation == "review"


async def test_an_api_error_is_passed_over_until_the_time_is_up(cluster: FakeCluster) -> None:
    async with running(cluster, config(RULES)):
        cluster.faults.add(Fault.status(503), verb="get", resource=RemediationProcessing)
        await cluster.client.create(analysis(WEB))
        await cluster.advance(seconds=200)
        status = await status_of(cluster)
    assert (status.phase, status.reason) == ("failed", "AnalyzerUnavailable")


async def test_one_call_at_a_time_though_the_object_changes(cluster: FakeCluster) -> None:
    memory, analyzer = http(40, TRUTH)
    async with running(cluster, config(analyzer)):
        await cluster.client.create(alone())
        for number in range(5):
            await cluster.advance(seconds=2)
            patch = MergePatch({"metadata": {"annotations": {"touched": str(number)}}})
            await cluster.client.patch(AIAnalysis, "rr-1", patch, namespace=NAMESPACE)
        await cluster.advance(seconds=60)
        status = await status_of(cluster)
    assert (status.phase, status.attempts) == ("completed", 1)
    assert (len(memory.asked), memory.most) == (1, 1)


async def test_a_process_that_ends_in_the_middle_of_a_call_repeats_it(cluster: FakeCluster) -> None:
    cancelled: list[str] = []

    async def slow(question: AnalysisInput) -> AnalysisResult:
        try:
            # The first call outlives the time that a manager gives its reconciles to end.
            await asyncio.sleep(58 if analyzer.calls == 1 else 1)
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise
        return AnalysisResult(**answer())

    analyzer = Scripted(slow)
    await given.prepare(cluster, None, *crds())
    controllers = (processings(), analyses(config(analyzer)))
    async with cluster.running(*controllers):
        await cluster.client.create(alone())
        await cluster.advance(seconds=10)
    assert cancelled and (await status_of(cluster)).phase == "analyzing"
    async with cluster.running(processings(), analyses(config(analyzer))):
        await cluster.advance(seconds=40)
    status = await status_of(cluster)
    assert (status.phase, analyzer.calls) == ("completed", 2)


async def test_deletion_in_the_middle_of_a_call_leaves_nothing(cluster: FakeCluster) -> None:
    memory, analyzer = http(40, TRUTH)
    async with running(cluster, config(analyzer)):
        await cluster.client.create(alone())
        await cluster.advance(seconds=5)
        await cluster.client.delete(AIAnalysis, "rr-1", namespace=NAMESPACE)
        await cluster.advance(seconds=200)
        with pytest.raises(NotFound):
            await status_of(cluster)
    assert len(memory.asked) == 1


async def test_an_analysis_that_is_being_deleted_begins_nothing(cluster: FakeCluster) -> None:
    memory, analyzer = http(TRUTH)
    wanted = alone()
    wanted.metadata.finalizers = ["example.com/held"]
    async with running(cluster, config(analyzer, limits=Limits(first_retry=timedelta(seconds=1)))):
        memory.answers = [(503, {})]
        await cluster.client.create(wanted)
        await cluster.advance(seconds=1)
        await cluster.client.delete(AIAnalysis, "rr-1", namespace=NAMESPACE)
        before = len(memory.asked)
        await cluster.advance(seconds=200)
    assert len(memory.asked) == before


async def test_transitions_are_told_by_events(cluster: FakeCluster) -> None:
    _, analyzer = http((503, {}), TRUTH)
    await asked(cluster, analyzer)
    events = [event for event in await cluster.client.list(Event, namespace=NAMESPACE) if event.action == "Analyze"]
    notes = {event.reason: event.note for event in events}
    assert set(notes) == {"Analyzing", "AnalyzerUnavailable", "Completed"}
    assert notes["Completed"] == "proceed: restart-deployment Deployment web (confidence 0.90): the pod leaks"


@pytest.mark.fake_only("servers before 1.25 have no CEL")
async def test_the_spec_cannot_be_changed(cluster: FakeCluster) -> None:
    await given.prepare(cluster, None, *crds())
    await cluster.client.create(alone())
    await cluster.client.create(given.processing(WEB))
    patch = MergePatch({"spec": {"target": {"name": "other"}}})
    for kind in (AIAnalysis, RemediationProcessing):
        with pytest.raises(Invalid, match="spec is immutable"):
            await cluster.client.patch(kind, "rr-1", patch, namespace=NAMESPACE)


async def failing(error: AnalyzerError) -> Scripted:
    async def fail(question: AnalysisInput) -> AnalysisResult:
        raise error

    return Scripted(fail)


@lively
async def test_the_first_analyzer_that_answers_counts(cluster: FakeCluster) -> None:
    _, first = http((503, {}), name="holmes")
    cluster.behaviour = given.by_image({"web:1": given.CRASHING})
    async with running(cluster, config(CombinedAnalyzer([first, RULES]))):
        await given.deploy(cluster)
        await cluster.advance(minutes=3)
        await given.gathered(cluster, WEB)
        await cluster.client.create(analysis(WEB))
        await cluster.settled()
        status = await status_of(cluster)
    assert (status.phase, status.attempts, status.analyzer) == ("completed", 1, "rules")
    assert status.proposal is not None
    told = {each.source: each.text for each in status.proposal.evidence}
    assert told["rule/crash-loop"] and told["analyzer/holmes"].startswith("gave no answer: HTTP 503")


async def test_when_none_answers_it_is_asked_again_only_where_that_may_help() -> None:
    question = AnalysisInput.from_dict({"signal": given.signal(), "target": WEB, "askedAt": "2024-01-01T00:00:00Z"})
    final = await failing(AnalyzerError("no"))
    passing = await failing(AnalyzerUnavailable("busy", retry_after=timedelta(seconds=9)))
    with pytest.raises(AnalyzerUnavailable, match="scripted: no; scripted: busy") as caught:
        await CombinedAnalyzer([final, passing]).analyze(question)
    assert caught.value.retry_after == timedelta(seconds=9)
    with pytest.raises(AnalyzerError, match="scripted: no; scripted: no") as other:
        await CombinedAnalyzer([final, final]).analyze(question)
    assert not isinstance(other.value, AnalyzerUnavailable)
    with pytest.raises(ValueError, match="at least one"):
        CombinedAnalyzer([])
