"""What policies are asked, what holds while one of them is away, and the dry-run of each validation."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import rbac_manifests
from kubernaut.policy import CombinedEvaluator, PolicyDecision, PolicyInput, PythonEvaluator, Violation
from tests.remediation.test_execution_paths import Gate, deciding, unavailable


def half(**decision: Any) -> CombinedEvaluator:
    """Two policies, one of which is away."""
    return CombinedEvaluator([PythonEvaluator(unavailable), deciding(**decision)])


@pytest.mark.parametrize("mode", ["permissive", "audit"])
async def test_what_the_others_demand_holds_while_one_policy_is_away(world: Any, mode: str) -> None:
    world.configure(evaluator=half(allowed=False, violations=(Violation("never", "no", True),)), policy_mode=mode)
    world.create()
    await world.settle()
    assert world.failed()[0] == "PolicyDenied" and not world.jobs()
    world.configure(evaluator=half(requires_approval=True), policy_mode=mode)
    world.create()
    await world.settle()
    assert world.failed()[0] == "ApprovalRequired" and not world.jobs()
    world.configure(evaluator=half(requires_dry_run=True), policy_mode=mode)
    world.create(dryRun="never")
    assert (await world.run_to_job())["metadata"]["name"].endswith("-dry")


@pytest.mark.parametrize("mode", ["permissive", "audit"])
async def test_a_policy_that_is_away_lets_pass_what_the_others_allow(world: Any, mode: str) -> None:
    world.configure(evaluator=half(), policy_mode=mode)
    world.create()
    await world.run_to_job()
    recorded = world.status["validationResults"]["policyValidation"]
    assert [found["rule"] for found in recorded["violations"]] == ["policy-unavailable"] and not recorded["allowed"]
    warned = [reason for reason, _ in world.events if reason in ("PolicyUnavailable", "PolicyViolation")]
    assert warned == (["PolicyUnavailable"] if mode == "permissive" else [])


async def test_strict_waits_for_each_policy(world: Any) -> None:
    world.configure(evaluator=half())
    world.create()
    await world.settle()
    assert world.status["phase"] == "validating" and world.condition("PolicyAvailable")["status"] == "False"
    world.configure(evaluator=deciding())
    await world.run_to_job()
    assert world.condition("PolicyAvailable") == {}


@pytest.mark.parametrize("mode", ["permissive", "audit"])
async def test_where_no_policy_answers_a_high_risk_action_needs_an_approval(world: Any, mode: str) -> None:
    world.configure(evaluator=PythonEvaluator(unavailable), policy_mode=mode, approvals=Gate())
    world.create("drain-node", target={"kind": "Node", "name": "node-1"}, parameters={}, dryRun="never")
    await world.run_to_job()
    assert world.job()["metadata"]["name"].endswith("-dry")
    world.finish(dry=True)
    await world.settle()
    assert world.status["phase"] == "validated"
    recorded = world.status["validationResults"]["policyValidation"]
    assert recorded["approvalReasons"] == ["drain-node is a high-risk action, and no policy answered"]


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ({"kind": "Deployment", "namespace": "shop", "name": "web"}, {"executor_namespace": "shop"}),
        ({"kind": "Deployment", "namespace": "shop", "name": "web"}, {"protected_namespaces": {"shop"}}),
        ({"kind": "Namespace", "name": "shop"}, {"protected_namespaces": {"shop"}}),
    ],
)
@pytest.mark.parametrize("mode", ["strict", "permissive", "audit"])
async def test_kubernaut_s_own_namespaces_are_refused_before_any_policy(
    world: Any, target: Any, own: Any, mode: str
) -> None:
    world.configure(policy_mode=mode, evaluator=PythonEvaluator(unavailable), **own)
    for manifest in rbac_manifests(world.config.catalog, world.config.executor_namespace):
        world.put(manifest.to_dict(), manifest.resource_type.path(manifest.namespace, manifest.name))
    settings = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"
    action = "scale-deployment" if target["kind"] == "Deployment" else "apply-manifest"
    world.create(action, target=target, parameters={"replicas": 0} if "namespace" in target else {"manifest": settings})
    await world.settle()
    reason, message = world.failed()
    assert reason == "PolicyDenied" and "namespace shop is kubernaut's own" in message
    (violation,) = world.status["validationResults"]["policyValidation"]["violations"]
    assert violation["rule"] == "own-namespace" and violation["hard"]


async def test_rules_are_asked_about_what_a_manifest_would_make(world: Any) -> None:
    asked: list[PolicyInput] = []

    def critical(question: PolicyInput) -> PolicyDecision:
        asked.append(question)
        made = question.to_document()["object"]
        broken = made["kind"] == "ConfigMap" and made["labels"].get("critical") == "true"
        found = (Violation("critical", f"{made['namespace']}/{made['name']}", True),) if broken else ()
        return PolicyDecision(allowed=True, violations=found)

    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, labels: {critical: 'true'}}}"
    world.configure(evaluator=PythonEvaluator(critical))
    world.create("apply-manifest", target={"kind": "Namespace", "name": "shop"}, parameters={"manifest": manifest})
    await world.settle()
    assert world.failed() == ("PolicyDenied", "the policy denies this: critical: shop/x")
    assert asked[0].target.kind == "Namespace"
    world.add("/api/v1/namespaces/shop/configmaps/x", "v1", "ConfigMap", labels={"critical": "true"})
    world.create("apply-manifest", target={"kind": "Namespace", "name": "shop"}, parameters={"manifest": manifest})
    await world.settle()
    assert world.failed()[0] == "TargetInvalid" and len(asked) == 1


async def test_a_policy_sees_that_a_dry_run_is_asked_for_and_the_action_runs_after_it(world: Any) -> None:
    asked: list[PolicyInput] = []

    def remembers(question: PolicyInput) -> PolicyDecision:
        asked.append(question)
        return PolicyDecision(allowed=True)

    world.configure(evaluator=PythonEvaluator(remembers))
    world.create(dryRun="always")
    await world.run_to_job()
    assert asked[0].to_document()["asksForDryRun"] is True
    world.finish(dry=True)
    await world.settle()
    assert world.status["phase"] == "executing"


@pytest.mark.parametrize("success", [True, False])
async def test_after_an_approval_the_dry_run_is_made_again_and_judged_by_itself(world: Any, success: bool) -> None:
    gate = Gate()
    world.configure(evaluator=deciding(requires_approval=True, requires_dry_run=True), approvals=gate)
    world.create()
    await world.run_to_job()
    world.finish(dry=True)
    await world.settle()
    first = world.status["validationResults"]["dryRunResults"]
    assert world.status["phase"] == "validated" and first["success"]
    gate.digest = world.status["specDigest"]
    await world.settle()
    second = world.status["validationResults"]["dryRunResults"]
    assert world.status["phase"] == "validating" and "success" not in second
    assert second["jobName"] == f"{first['jobName']}-2" and second["jobUid"] != first["jobUid"]
    world.finish(success, code=int(not success), message="exceeded quota", dry=True)
    await world.settle()
    assert world.status["validationResults"]["dryRunResults"]["success"] == success
    if success:
        assert world.status["phase"] == "executing"
        world.finish()
        await world.settle()
    else:
        assert world.failed()[0] == "DryRunFailed"
    assert all(job["spec"]["ttlSecondsAfterFinished"] for job in world.jobs())
    assert len(world.jobs()) == 2 + success


async def test_a_dry_run_of_an_earlier_validation_is_never_taken_for_that_of_this_one(world: Any) -> None:
    world.create(dryRun="always")
    await world.run_to_job()
    world.finish(dry=True)
    status = world.objects[world.execution_path]["status"]
    del status["validationResults"]["dryRunResults"]
    await world.settle()
    assert [job["metadata"]["name"].rpartition("-dry")[2] for job in world.jobs()] == ["", "-2"]


@pytest.mark.parametrize("mode", ["strict", "permissive", "audit"])
async def test_who_asked_may_want_an_approval_that_the_policy_does_not(world: Any, mode: str) -> None:
    world.configure(policy_mode=mode)
    world.create(requireApproval="the analysis is 55 % sure")
    await world.settle()
    assert world.failed()[0] == "ApprovalRequired" and not world.jobs()
    recorded = world.status["validationResults"]["policyValidation"]
    assert recorded["requiredApproval"] and recorded["approvalReasons"] == ["the analysis is 55 % sure"]


async def test_the_policy_alone_answers_for_a_delegated_requester(world: Any) -> None:
    world.denied = lambda spec: spec["user"] in ("alert", "eve")
    world.configure(delegated_requesters=frozenset({"alert"}))
    world.create(requestedBy={"username": "eve"})
    await world.settle()
    assert world.failed()[0] == "RequesterForbidden"
    world.create(requestedBy={"username": "alert"})
    assert (await world.run_to_job())["kind"] == "Job"
