"""Every way an execution can go, one reconcile at a time."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import job_name
from kubernaut.client import ServiceUnavailable
from kubernaut.policy import PolicyDecision, PolicyInput, PolicyUnavailable, PythonEvaluator, Violation
from kubernaut.remediation.execution import Approved


def deciding(**decision: Any) -> PythonEvaluator:
    return PythonEvaluator(lambda _: PolicyDecision(**{"allowed": True} | decision))


def soft() -> PythonEvaluator:
    return deciding(allowed=False, violations=(Violation("quiet-hours", "not at night"),))


def unavailable(_: PolicyInput) -> PolicyDecision:
    raise PolicyUnavailable("the bundle is broken")


async def test_scale_runs_and_is_rollback_ready(world: Any) -> None:
    world.create()
    job = await world.run_to_job()
    assert world.status["phase"] == "executing"
    argv = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert argv[-2:] == ["--current-replicas", "2"] and "5" in argv
    world.finish()
    await world.settle()
    status = world.status
    assert status["phase"] == "rollback_ready"
    assert status["rollbackInformation"]["parameters"] == {"replicas": 2}
    results = status["executionResults"]
    assert results["success"] and results["exitCode"] == 0 and results["duration"] == "3s"
    assert results["logTail"] == "deployment.apps/web scaled\n" and results["jobName"] == job["metadata"]["name"]
    assert world.job()["spec"]["ttlSecondsAfterFinished"] == 300
    validation = status["validationResults"]
    assert validation["parameterValidation"] and validation["rbacValidation"] and validation["resourceExists"]
    assert validation["policyValidation"]["allowed"] and validation["validationTime"]
    assert [reason for reason, _ in world.events] == [
        "Validating", "Validated", "Executing", "JobCreated", "RollbackReady",
    ]  # fmt: skip
    assert world.condition("Ready")["status"] == "True"


@pytest.mark.parametrize(
    ("action", "kind", "name", "parameters", "phase"),
    [("restart-pod", "Pod", "web-0", {}, "completed"), ("cordon-node", "Node", "node-1", {}, "rollback_ready")],
)
async def test_other_actions(world: Any, action: str, kind: str, name: str, parameters: Any, phase: str) -> None:
    target = {"kind": kind, "name": name} | ({"namespace": "shop"} if kind == "Pod" else {})
    world.create(action, target=target, parameters=parameters)
    await world.run_to_job()
    world.finish()
    await world.settle()
    assert world.status["phase"] == phase


@pytest.mark.parametrize(
    ("spec", "reason", "word"),
    [
        ({"action": "scale-deploymnt"}, "UnknownAction", "scale-deployment"),
        ({"parameters": {"replicas": 101}}, "ParametersInvalid", "parameters.replicas"),
        ({"parameters": {"replicas": 5, "extra": 1}}, "ParametersInvalid", "parameters.extra"),
        ({"parameters": {}}, "ParametersInvalid", "parameters.replicas"),
        ({"target": {"kind": "Pod", "namespace": "shop", "name": "web"}}, "TargetInvalid", "target.kind"),
        ({"target": {"kind": "Deployment", "namespace": "shop", "name": "gone"}}, "TargetNotFound", "gone"),
        ({"timeout": "0s"}, "TimeoutInvalid", "longer than 0s"),
        ({"timeout": "6m"}, "TimeoutInvalid", "5m0s"),
    ],
)
async def test_validation_failures_are_in_the_api(world: Any, spec: Any, reason: str, word: str) -> None:
    world.create(**spec)
    await world.settle()
    found, message = world.failed()
    assert found == reason and word in message
    assert world.condition("Validated")["reason"] == reason and world.condition("Ready")["status"] == "False"
    assert not world.jobs() and "completionTime" in world.status


async def test_unstamped_is_refused_unless_allowed(world: Any) -> None:
    world.configure(allow_unstamped=False)
    world.create()
    await world.settle()
    assert world.failed()[0] == "RequesterUnknown"


async def test_requester_without_permission(world: Any) -> None:
    world.denied = lambda spec: spec["user"] == "ann"
    world.create(requestedBy={"username": "ann", "groups": ["dev"]})
    await world.settle()
    assert world.failed()[0] == "RequesterForbidden" and "ann may not get" in world.failed()[1]


async def test_policy_may_delegate_the_requester(world: Any) -> None:
    world.configure(delegate_requester=True)
    world.denied = lambda spec: spec["user"] == "ann"
    world.create(requestedBy={"username": "ann"})
    await world.run_to_job()


async def test_service_account_without_permission(world: Any) -> None:
    world.denied = lambda spec: spec["resourceAttributes"].get("subresource") == "scale"
    world.create()
    await world.settle()
    reason, message = world.failed()
    assert reason == "PermissionDenied" and "deployments/scale" in message
    review = world.reviews[-1]
    everyone = ["system:serviceaccounts", "system:serviceaccounts:kubernaut-executor", "system:authenticated"]
    assert review["groups"] == everyone
    assert review["resourceAttributes"]["name"] == "web" and review["resourceAttributes"]["namespace"] == "shop"


async def test_service_account_missing(world: Any) -> None:
    del world.objects["/api/v1/namespaces/kubernaut-executor/serviceaccounts/action-scale-deployment"]
    world.create()
    await world.settle()
    assert world.failed()[0] == "ServiceAccountNotFound"


@pytest.mark.parametrize(("mode", "runs"), [("strict", False), ("permissive", True), ("audit", True)])
async def test_soft_violations_block_in_strict_only(world: Any, mode: str, runs: bool) -> None:
    world.configure(evaluator=soft(), policy_mode=mode)
    world.create()
    await world.settle()
    assert world.status["phase"] == ("executing" if runs else "failed")
    policy = world.status["validationResults"]["policyValidation"]
    assert policy["mode"] == mode and policy["violations"][0]["rule"] == "quiet-hours" and not policy["allowed"]
    assert any(reason == "PolicyViolation" for reason, _ in world.events) == (mode == "permissive")


@pytest.mark.parametrize("mode", ["strict", "permissive", "audit"])
async def test_hard_violations_and_approvals_hold_in_every_mode(world: Any, mode: str) -> None:
    world.configure(evaluator=deciding(allowed=False, violations=(Violation("never", "no", True),)), policy_mode=mode)
    world.create()
    await world.settle()
    assert world.failed()[0] == "PolicyDenied"
    world.configure(evaluator=deciding(requires_approval=True), policy_mode=mode)
    world.create()
    await world.settle()
    reason, message = world.failed()
    assert reason == "ApprovalRequired" and "approval" in message and not world.jobs()


async def test_policy_unavailable_waits_until_the_deadline_in_strict(world: Any) -> None:
    world.configure(evaluator=PythonEvaluator(unavailable))
    world.create()
    await world.settle()
    assert world.status["phase"] == "validating" and world.condition("PolicyAvailable")["status"] == "False"
    world.advance(seconds=31)
    await world.settle()
    assert world.failed()[0] == "PolicyUnavailable"


@pytest.mark.parametrize("mode", ["permissive", "audit"])
async def test_nil_results_when_the_policy_errors(world: Any, mode: str) -> None:
    world.configure(evaluator=PythonEvaluator(unavailable), policy_mode=mode)
    world.create()
    await world.run_to_job()
    assert world.status["validationResults"]["policyValidation"]["violations"][0]["rule"] == "policy-unavailable"


@pytest.mark.parametrize("wish", ["auto", "always", "never"])
@pytest.mark.parametrize("policy", [False, True])
async def test_dry_run_when_policy_or_spec_asks(world: Any, wish: str, policy: bool) -> None:
    world.configure(evaluator=deciding(requires_dry_run=policy))
    world.create(dryRun=wish)
    await world.settle()
    dry = policy or wish == "always"
    assert world.job()["metadata"]["name"].endswith("-dry") == dry
    assert world.status["phase"] == ("validating" if dry else "executing")
    if dry:
        world.finish(dry=True)
        await world.settle()
        assert world.status["validationResults"]["dryRunResults"]["success"]
        assert world.status["phase"] == "executing" and len(world.jobs()) == 2


async def test_dry_run_refused_by_the_server(world: Any) -> None:
    world.create(dryRun="always")
    await world.run_to_job()
    world.finish(False, code=1, message="exceeded quota", dry=True)
    await world.settle()
    assert world.failed()[0] == "DryRunFailed" and "exceeded quota" in world.failed()[1]


async def test_dry_run_has_two_minutes_of_its_own(world: Any) -> None:
    world.create(dryRun="always")
    await world.run_to_job()
    world.advance(seconds=100)
    await world.settle()
    assert world.status["phase"] == "validating"
    world.advance(seconds=21)
    await world.settle()
    assert world.failed()[0] == "DryRunTimeout" and not world.jobs()


async def test_action_failed_has_exit_code_and_message(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.finish(False, reason="BackoffLimitExceeded", code=1, message="password=hunter2 Expected replicas to be 2")
    await world.settle()
    reason, message = world.failed()
    assert reason == "ActionFailed" and "exit code 1" in message and "hunter2" not in str(world.status)
    assert world.condition("Executed")["reason"] == "ActionFailed"
    assert world.status["rollbackInformation"]["available"]


async def test_deadline_of_the_job_and_of_the_phase(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.finish(False, reason="DeadlineExceeded")
    await world.settle()
    assert world.failed()[0] == "ExecutionTimeout"
    world.remove_job()
    world.create()
    await world.run_to_job()
    assert world.status["deadline"]
    world.advance(minutes=10)
    await world.settle()
    assert world.failed()[0] == "ExecutionTimeout" and not world.status["executionResults"]["success"]
    assert not world.jobs()


async def test_a_result_that_came_while_the_controller_was_down_counts(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.finish()
    world.advance(hours=2)
    await world.settle()
    assert world.status["phase"] == "rollback_ready"


async def test_job_lost_is_unknown_and_never_retried(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.remove_job()
    world.objects[world.deployment_path]["spec"]["replicas"] = 5
    await world.settle()
    reason, message = world.failed()
    assert reason == "JobLost" and "unknown" in message and "changed since" in message
    assert not world.jobs()


async def test_without_ttl_support_the_controller_deletes(world: Any) -> None:
    world.ttl_support = False
    world.create()
    await world.run_to_job()
    world.finish()
    # This server drops the field, as one does that does not know it.
    await world.settle()
    assert world.condition("JobsReleased")["status"] == "False" and world.jobs()
    world.advance(seconds=301)
    await world.settle()
    assert not world.jobs() and world.condition("JobsReleased")["status"] == "True"


@pytest.mark.parametrize("steps", range(1, 9))
async def test_deletion_in_every_phase(world: Any, steps: int) -> None:
    world.create()
    for step in range(steps):
        await world.step()
        if step == 5:
            world.finish()
    world.objects[world.execution_path]["metadata"]["deletionTimestamp"] = world.stamp()
    for _ in range(3):
        await world.step()
    assert world.execution_path not in world.objects and not world.jobs()


async def test_transient_errors_retry_and_others_fail(world: Any) -> None:
    world.create()
    await world.step()
    world.faults.append(lambda r: (503, "busy") if r.path.endswith("subjectaccessreviews") else None)
    with pytest.raises(ServiceUnavailable):
        await world.step()
    assert world.status["phase"] == "validating"
    world.faults[:] = [lambda r: (403, "no") if r.path.endswith("subjectaccessreviews") else None]
    await world.settle()
    assert world.failed()[0] == "ApiRefused"


async def test_a_transient_error_does_not_outlive_the_deadline(world: Any) -> None:
    world.create()
    await world.step()
    world.faults.append(lambda r: (503, "busy") if r.path.endswith("subjectaccessreviews") else None)
    world.advance(seconds=31)
    await world.settle()
    assert world.failed()[0] == "ValidationTimeout"


async def test_unknown_phase_is_a_condition(world: Any) -> None:
    world.create()
    world.objects[world.execution_path]["status"] = {"phase": "dancing"}
    await world.settle()
    assert world.status["phase"] == "dancing" and world.condition("UnknownPhase")["status"] == "True"


class Gate:
    """Approves the digest it is told to."""

    digest = "sha256:other"

    async def ask(self, execution: Any, ctx: Any) -> Approved:
        return Approved(self.digest, "bob", ctx.clock.now())


async def test_an_approval_of_another_digest_does_not_count_and_checks_run_again(world: Any) -> None:
    gate = Gate()
    world.configure(evaluator=deciding(requires_approval=True), approvals=gate)
    world.create()
    await world.settle()
    assert world.status["phase"] == "validated" and not world.jobs()
    gate.digest, asked = world.status["specDigest"], len(world.reviews)
    await world.run_to_job()
    assert len(world.reviews) == 2 * asked and world.status["approval"]["decidedBy"] == "bob"


async def test_approval_expires(world: Any) -> None:
    world.configure(evaluator=deciding(requires_approval=True), approvals=Gate())
    world.create()
    await world.settle()
    world.advance(hours=1)
    await world.settle()
    assert world.failed()[0] == "ApprovalExpired"


async def test_a_replaced_target_is_not_acted_on(world: Any) -> None:
    world.create()
    for _ in range(3):
        await world.step()
    world.objects[world.deployment_path]["metadata"]["uid"] = "another"
    await world.settle()
    assert world.failed()[0] == "TargetReplaced" and not world.jobs()


def test_job_names_are_deterministic() -> None:
    uid = "01234567-89ab-cdef-0123-456789abcdef"
    assert job_name("scale-deployment", uid) == "exec-scale-deployment-0123456789"
