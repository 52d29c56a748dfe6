"""Each shipped rule arises for real on the fake cluster, and what it proposes can be carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.remediation.analysis import AnalysisInput, RuleAnalyzer
from kubernaut.resources.builtin.apps_v1 import Deployment, StatefulSet
from kubernaut.resources.builtin.autoscaling_v2 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.core_v1 import Node
from tests.remediation.analysis.asked import (
    RULES,
    analysis,
    analyzed,
    carried_out,
    proposed,
    rule_of,
    running,
    status_of,
)
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import BROKEN, NAMESPACE, WEB, at

pytestmark = [pytest.mark.cluster(declared=True), pytest.mark.virtual_time]

EXAMPLES = Path(__file__).parents[3] / "examples"

Made = Callable[[FakeCluster], Awaitable[None]]


def after_rollout(script: Any) -> Made:
    async def make(cluster: FakeCluster) -> None:
        cluster.behaviour = given.by_image({BROKEN: script})
        await given.deploy(cluster)
        await given.roll_out(cluster)

    return make


def from_the_start(script: Any) -> Made:
    async def make(cluster: FakeCluster) -> None:
        cluster.behaviour = given.by_image({"web:1": script})
        await given.deploy(cluster)
        await cluster.advance(minutes=3)

    return make


async def unpullable_stateful_set(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({BROKEN: given.UNPULLABLE})
    await given.stateful(cluster)
    await given.roll_out(cluster, kind=StatefulSet)


async def crashing_stateful_set(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({"web:1": given.CRASHING})
    await given.stateful(cluster)
    await cluster.advance(minutes=3)


async def stuck_rollout(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({BROKEN: given.UNREADY})
    await given.deploy(cluster, progressDeadlineSeconds=60)
    await given.roll_out(cluster)


async def no_room(cluster: FakeCluster) -> None:
    await given.deploy(cluster)
    container = {"name": "main", "image": "web:1", "resources": {"requests": {"cpu": "100"}}}
    patch = MergePatch({"spec": {"template": {"spec": {"containers": [container]}}}})
    await cluster.client.patch(Deployment, "web", patch, namespace=NAMESPACE)
    await cluster.advance(minutes=1)


async def autoscaler_at_maximum(cluster: FakeCluster) -> None:
    await given.deploy(cluster)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 2, "scaleTargetRef": reference}
    wanted = HorizontalPodAutoscaler.from_dict({"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec})
    found = await cluster.client.create(wanted)
    found.status.current_replicas = found.status.desired_replicas = 2
    await cluster.client.update_status(found)


async def failed_job(cluster: FakeCluster) -> None:
    cluster.behaviour = given.by_image({"report:1": given.CRASHING})
    await given.failing_job(cluster)


def node(type: str, status: given.Status, reason: str) -> Made:
    async def make(cluster: FakeCluster) -> None:
        await given.deploy(cluster)
        await given.set_node_condition(cluster, "node-1", type, status, reason)

    return make


NODE_1 = at("Node", "node-1", None)
ROLLED_BACK = ["rollback-deployment Deployment/web"]
RESTARTED = ["restart-deployment Deployment/web"]
DRAINED = ["cordon-node Node/node-1", "drain-node Node/node-1"]

CASES: dict[str, tuple[Made, dict[str, Any], str, list[str]]] = {
    "image-pull-after-rollout": (after_rollout(given.UNPULLABLE), WEB, "proceed", ROLLED_BACK),
    "image-pull-after-update": (
        unpullable_stateful_set,
        at("StatefulSet"),
        "proceed",
        ["update-image StatefulSet/web", "restart-pod Pod/web-1"],
    ),
    "out-of-memory-after-rollout": (after_rollout(given.OUT_OF_MEMORY), WEB, "proceed", ROLLED_BACK),
    "out-of-memory": (from_the_start(given.OUT_OF_MEMORY), WEB, "approve", RESTARTED),
    "crash-loop-after-rollout": (after_rollout(given.CRASHING), WEB, "proceed", ROLLED_BACK),
    "crash-loop": (from_the_start(given.CRASHING), WEB, "approve", RESTARTED),
    "pod-in-crash-loop": (crashing_stateful_set, at("StatefulSet"), "approve", ["restart-pod Pod/web-0"]),
    "rollout-stuck": (stuck_rollout, WEB, "proceed", ROLLED_BACK),
    "unschedulable": (no_room, WEB, "review", []),
    "deployment-unavailable": (from_the_start(given.UNREADY), WEB, "approve", RESTARTED),
    "autoscaler-at-maximum": (
        autoscaler_at_maximum,
        WEB,
        "approve",
        ["patch-resource HorizontalPodAutoscaler/web"],
    ),
    "autoscaler-is-target-at-maximum": (
        autoscaler_at_maximum,
        at("HorizontalPodAutoscaler"),
        "approve",
        ["patch-resource HorizontalPodAutoscaler/web"],
    ),
    "job-failing": (failed_job, at("Job", "report"), "review", ["collect-logs Pod/report-*"]),
    "node-unreachable": (node("Ready", "Unknown", "NodeStatusUnknown"), NODE_1, "proceed", DRAINED[:1]),
    "node-not-ready": (node("Ready", "False", "KubeletNotReady"), NODE_1, "approve", DRAINED),
    "node-under-pressure": (node("DiskPressure", "True", "KubeletHasDiskPressure"), NODE_1, "approve", DRAINED),
    "pod-on-a-bad-node": (
        node("Ready", "Unknown", "NodeStatusUnknown"),
        WEB,
        "proceed",
        ["cordon-node Node/node-1", "restart-pod Pod/web-*"],
    ),
}


# Other rules propose the same.
CARRIED_OUT = (
    "image-pull-after-update",
    "crash-loop-after-rollout",
    "crash-loop",
    "autoscaler-at-maximum",
    "job-failing",
    "node-under-pressure",
    "pod-on-a-bad-node",
)


def test_every_shipped_rule_has_its_situation() -> None:
    assert {rule.name for rule in RULES.rules} == set(CASES)


@pytest.mark.fake_only("what containers and nodes do is scripted")
@pytest.mark.parametrize("rule", list(CASES))
async def test_the_situation_of_a_shipped_rule_leads_to_it(cluster: FakeCluster, rule: str) -> None:
    make, target, recommendation, expected = CASES[rule]
    async with running(cluster):
        await make(cluster)
        proposal = await proposed(cluster, target)
    assert rule_of(proposal) == f"rule/{rule}", proposal.to_dict()
    assert proposal.recommendation == recommendation, proposal.reason
    actions = [f"{step.action} {step.target.kind}/{step.target.name}" for step in proposal.steps]
    assert len(actions) == len(expected)
    for action, wanted in zip(actions, expected, strict=True):
        assert action == wanted or (wanted.endswith("*") and action.startswith(wanted[:-1]))
    if rule in CARRIED_OUT:
        phases = await carried_out(cluster, proposal.steps)
        assert set(phases) <= {"completed", "rollback_ready"}, phases


async def test_what_the_rules_say_names_the_facts(cluster: FakeCluster) -> None:
    async with running(cluster):
        await after_rollout(given.CRASHING)(cluster)
        proposal = await proposed(cluster, WEB)
    told = "Container main of Deployment web crashes since revision 2, which came 3 min before the signal"
    assert proposal.root_cause == told
    assert proposal.steps[0].parameters == {"toRevision": 1}
    seen = {each.source: each.text for each in proposal.evidence}
    assert any(source.startswith("pod/web-") and "CrashLoopBackOff" in text for source, text in seen.items())
    assert "rule/crash-loop" in seen
    assert (await cluster.client.get(Node, "node-1")).name == "node-1"


async def test_where_no_rule_holds_a_person_looks(cluster: FakeCluster) -> None:
    async with running(cluster):
        await given.deploy(cluster)
        proposal = await proposed(cluster, WEB)
    assert (proposal.recommendation, proposal.confidence, proposal.steps) == ("review", 0, [])
    assert proposal.root_cause == "no rule knows this situation"
    assert proposal.root_cause not in proposal.reason


async def test_a_target_that_is_not_there_is_the_cause_that_is_told(cluster: FakeCluster) -> None:
    async with running(cluster):
        await given.deploy(cluster)
        proposal = await proposed(cluster, {**WEB, "name": "wep"})
    told = "the target was not found or could not be read: Deployment shop/wep does not exist; namespace shop has web"
    assert (proposal.recommendation, proposal.root_cause) == ("review", told)


async def test_a_rollback_that_failed_leads_to_a_restart_and_that_to_nothing(cluster: FakeCluster) -> None:
    recovery: dict[str, Any] = {
        "isRecoveryAttempt": True,
        "errorType": "timeout",
        "failedStep": 0,
        "failureReason": "too slow",
    }
    async with running(cluster):
        await after_rollout(given.CRASHING)(cluster)
        first = await proposed(cluster, WEB)
        refs = [{"name": "rr-1"}]
        again = {**recovery, "recoveryAttemptNumber": 1, "failedAction": "rollback-deployment"}
        second = await analyzed(cluster, analysis(WEB, "rr-1-recovery-1", previousAIAnalysisRefs=refs, **again))
        refs.append({"name": "rr-1-recovery-1"})
        last = {**recovery, "recoveryAttemptNumber": 2, "failedAction": "restart-deployment"}
        third = await analyzed(cluster, analysis(WEB, "rr-1-recovery-2", previousAIAnalysisRefs=refs, **last))
    assert [step.action for step in first.steps] == ["rollback-deployment"]
    assert [step.action for step in second.steps] == ["restart-deployment"]
    assert (third.steps, third.recommendation) == ([], "review")
    told = "rule crash-loop holds, but restart-deployment was tried already"
    assert told in third.root_cause.split("; "), third.root_cause


async def test_the_shipped_rules_are_a_python_object_as_well() -> None:
    question = AnalysisInput.from_dict({"signal": given.signal(), "target": WEB, "askedAt": "2024-01-01T00:00:00Z"})
    result = await RuleAnalyzer.shipped().analyze(question)
    assert (result.confidence, result.analyzer) == (0, "rules")
    assert len(result.revision) == 12


async def test_the_examples_lead_from_a_crash_loop_to_a_rollback(cluster: FakeCluster) -> None:
    async with running(cluster):
        await after_rollout(given.CRASHING)(cluster)
        for example in ("remediation-processing", "ai-analysis"):
            await cluster.load(EXAMPLES / f"{example}.yaml", strict=True)
        await cluster.advance(seconds=20)
        status = await status_of(cluster, "web-crashes")
    assert status.proposal is not None
    assert [step.action for step in status.proposal.steps] == ["rollback-deployment"]
