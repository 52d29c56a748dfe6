"""Each kind of failure, arising on the fake cluster as it does on a real one; and the table that tells them apart."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.client import ApiError, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PolicyInput, PythonEvaluator, Violation
from kubernaut.remediation.approval import ApprovalRequest, ApprovalRequests, Decision, approvals, decide, find_request
from kubernaut.remediation.execution import Reason as ExecutionReason
from kubernaut.remediation.workflow.errors import BY_REASON, by_words, error_type
from kubernaut.remediation.workflow.types import ErrorType
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, ResourceQuota
from kubernaut.resources.builtin.rbac_v1 import ClusterRoleBinding
from kubernaut.timing import current_clock
from tests.remediation.workflow.shop import (
    API,
    EXECUTOR,
    WIDER,
    carry_out,
    config,
    controllers,
    execution_config,
    failing,
    hold_up,
    prepare,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]


def make(name: str, **more: Any) -> dict[str, Any]:
    """A step that makes a ConfigMap."""
    manifest = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: shop}}, data: {{a: b}}}}"
    target = {"kind": "Namespace", "name": "shop"}
    return {"name": name, "action": "apply-manifest", "target": target, "parameters": {"manifest": manifest}, **more}


async def test_timeout(cluster: FakeCluster) -> None:
    async with running(cluster):
        await hold_up(cluster, True)
        done = await carry_out(cluster, scale("more", 3), minutes=4)
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "timeout", 0)
        assert done.steps[0].reason == "ExecutionTimeout"


@pytest.mark.cluster(nodes=1, declared=True, rbac=True)
async def test_permission_denied_before_anything_runs(cluster: FakeCluster) -> None:
    async with running(cluster):
        await cluster.client.delete(ClusterRoleBinding, "kubernaut-action-scale-deployment")
        done = await carry_out(cluster, restart("first"), scale("more", 3, API, dependsOn=["first"]))
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "permission_denied", 1)
        assert done.reason == "PermissionDenied" and done.steps[0].state == "pending"


@pytest.mark.cluster(nodes=1, declared=True, rbac=True)
async def test_permission_denied_to_the_job(cluster: FakeCluster) -> None:
    async with running(cluster):
        await hold_up(cluster, True)
        await cluster.client.create(workflow(scale("more", 3)))
        await cluster.advance(seconds=20)
        await cluster.client.delete(ClusterRoleBinding, "kubernaut-action-scale-deployment")
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert (done.phase, done.error_type, done.steps[0].reason) == ("failed", "permission_denied", "ActionFailed")
        assert "forbidden" in (done.failure_reason or "")


async def test_resource_not_found(cluster: FakeCluster) -> None:
    """The target was there when everything was checked; a step before made it go."""
    remove = {"name": "remove", "action": "delete-resource", "target": API}
    async with running(cluster, config(execution_config(catalog=WIDER))):
        done = await carry_out(cluster, remove, scale("more", 3, API, onFailure="stop"), minutes=4)
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "resource_not_found", 1), done.to_dict()
        assert done.steps[1].reason == "TargetNotFound"


async def test_resource_not_found_before_anything_runs(cluster: FakeCluster) -> None:
    async with running(cluster):
        done = await carry_out(cluster, restart("first"), scale("more", 3, {**API, "name": "wab"}))
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "resource_not_found", 1)
        assert done.failure_reason == ("step 2 (more): Deployment shop/wab does not exist; namespace shop has web, api")


async def test_resource_conflict(cluster: FakeCluster) -> None:
    """Somebody scales between the moment when the precondition was taken and the Job."""
    async with running(cluster):
        await hold_up(cluster, True)
        await cluster.client.create(workflow(scale("more", 3)))
        await cluster.advance(seconds=20)
        await cluster.client.patch(Deployment, "web", MergePatch({"spec": {"replicas": 2}}), namespace="shop")
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert (done.phase, done.error_type, done.steps[0].reason) == ("failed", "resource_conflict", "ActionFailed")
        assert "Expected replicas to be 1, was 2" in (done.failure_reason or "")


async def test_resource_quota_exceeded_is_not_permission_denied(cluster: FakeCluster) -> None:
    async with running(cluster, config(execution_config(catalog=WIDER))):
        quota = {"metadata": {"name": "few", "namespace": "shop"}, "spec": {"hard": {"count/configmaps": "0"}}}
        await cluster.client.create(ResourceQuota.from_dict(quota))
        await cluster.settled()
        done = await carry_out(cluster, make("settings"))
        assert (done.phase, done.error_type) == ("failed", "resource_quota_exceeded"), done.to_dict()
        assert "exceeded quota" in (done.failure_reason or "")
        assert not [each for each in await cluster.client.list(ConfigMap, namespace="shop") if each.name == "settings"]


async def test_a_quota_of_executions_is_told_by_the_server_s_own_answer(cluster: FakeCluster) -> None:
    async with running(cluster):
        hard = {"count/kubernetesexecutions.kubernetesexecution.kubernaut.io": "0"}
        quota = {"metadata": {"name": "none", "namespace": "shop"}, "spec": {"hard": hard}}
        await cluster.client.create(ResourceQuota.from_dict(quota))
        await cluster.settled()
        done = await carry_out(cluster, scale("more", 3))
        assert (done.phase, done.error_type) == ("failed", "resource_quota_exceeded")
        assert done.steps[0].reason == "ExecutionRefused"


async def test_validation_error(cluster: FakeCluster) -> None:
    async with running(cluster):
        done = await carry_out(cluster, restart("first"), scale("more", 101, dependsOn=["first"]))
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "validation_error", 1)
        assert (done.reason, done.failed_action) == ("ParametersInvalid", "scale-deployment")
        assert done.failure_reason == "step 2 (more): parameters.replicas: must be between 0 and 100, got 101"


async def test_policy_denied_before_anything_runs(cluster: FakeCluster) -> None:
    def never_down(asked: PolicyInput) -> PolicyDecision:
        down = asked.parameters.get("replicas") == 0
        return PolicyDecision(allowed=not down, violations=(Violation("up", "not to zero"),) if down else ())

    async with running(cluster, config(execution_config(evaluator=PythonEvaluator(never_down)))):
        done = await carry_out(cluster, restart("first"), scale("off", 0, dependsOn=["first"]))
        assert (done.phase, done.error_type, done.failed_step) == ("failed", "policy_denied", 1)
        assert done.failure_reason == "step 2 (off): the policy denies this: up: not to zero"
        assert done.steps[0].state == "pending", "nothing ran"


async def test_approval_denied(cluster: FakeCluster) -> None:
    gate = ApprovalRequests(webhooks=False, trust_unstamped=True)
    settings = config(execution_config(approvals=gate))
    await cluster.load([crd_for(ApprovalRequest)])
    await prepare(cluster)
    async with cluster.running(*controllers(settings), approvals()):
        await cluster.client.create(workflow(scale("more", 3), requireApproval="it is a guess"))
        await cluster.advance(seconds=20)
        request = await find_request(cluster.client, "heal-0-1", "shop")
        await decide(cluster.client, request, Decision.REJECTED, "wrong cluster", now=current_clock().now())
        await cluster.advance(minutes=1)
        done = await status(cluster)
        assert (done.phase, done.error_type) == ("failed", "approval_denied")
        assert done.steps[0].reason == "ApprovalRejected" and "wrong cluster" in (done.failure_reason or "")


async def test_unknown_error_when_a_job_is_lost_and_it_is_not_tried_again(cluster: FakeCluster) -> None:
    async with running(cluster):
        await hold_up(cluster, True)
        await cluster.client.create(workflow(restart("anew", retries=3)))
        await cluster.advance(seconds=20)
        (job,) = await cluster.client.list(Job, namespace=EXECUTOR)
        await cluster.client.delete(Job, job.name, namespace=EXECUTOR, propagation="Background")
        await hold_up(cluster, False)
        await cluster.advance(minutes=1)
        done = await status(cluster)
        assert (done.phase, done.error_type, done.steps[0].reason) == ("failed", "unknown_error", "JobLost")
        assert done.steps[0].attempt == 1 and done.steps[0].uncertain


async def test_a_command_that_says_nothing_telling_is_an_unknown_error(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": failing("computer says no\n", 3)})
        done = await carry_out(cluster, scale("more", 3))
        assert (done.phase, done.error_type) == ("failed", "unknown_error")


# The table.


def test_every_reason_of_an_execution_is_classified_or_looked_at_by_its_words() -> None:
    by_words_alone = {
        ExecutionReason.ACTION_FAILED,
        ExecutionReason.DRY_RUN_FAILED,
        ExecutionReason.API_REFUSED,
        ExecutionReason.INTERNAL_ERROR,
        ExecutionReason.ROLLBACK_CAPTURE_FAILED,
    }
    assert {*ExecutionReason} - {*BY_REASON} == by_words_alone


def test_the_table_of_statuses_in_the_docstring_is_the_one_that_is_used() -> None:
    import kubernaut.remediation.workflow.errors as module

    rows = [line.strip("|").split("|") for line in (module.__doc__ or "").splitlines() if line.startswith("| ")]
    documented = {
        name.strip(): kind.strip()
        for names, kind in rows[1:]
        if "exceeded quota" not in names
        for name in names.split(",")
    }
    assert documented == {name: str(kind) for name, kind in module.BY_STATUS.items()}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('Error from server (Forbidden): pods "x" is forbidden: exceeded quota: few', "resource_quota_exceeded"),
        ("Error from server (Forbidden): x is forbidden: status unknown for quota: few", "resource_quota_exceeded"),
        ('Error from server (Forbidden): pods "x" is forbidden: failed quota: few: must', "resource_quota_exceeded"),
        ('Error from server (Forbidden): pods "x" is forbidden: User "y" cannot patch', "permission_denied"),
        ('Error from server (NotFound): deployments.apps "web" not found', "resource_not_found"),
        ("Error from server (Conflict): the object has been modified", "resource_conflict"),
        ("error: Expected replicas to be 3, was 5", "resource_conflict"),
        ("error: timed out waiting for the condition", "timeout"),
        ('The Deployment "web" is invalid: spec.replicas: must not be negative', "validation_error"),
        ("the API server refused: Forbidden (403): no", "permission_denied"),
        # the last status is the one it failed with
        ("Error from server (NotFound): x\nretrying\nError from server (Conflict): y", "resource_conflict"),
        # a status that tells nothing leaves it to the others
        ("Error from server (Conflict): x\nError from server (InternalError): y", "resource_conflict"),
        ("computer says no", None),
    ],
)
def test_words(text: str, kind: str | None) -> None:
    assert by_words(text) == (None if kind is None else ErrorType(kind))


def test_the_answer_of_the_server_counts_first_then_the_reason_then_the_words() -> None:
    answer = ApiError({"code": 403, "reason": "Forbidden", "message": "no"})
    assert error_type(answer, "TargetNotFound", "timed out") == "permission_denied"
    assert error_type(None, "TargetNotFound", "timed out") == "resource_not_found"
    assert error_type(None, "ActionFailed", None, "timed out") == "timeout"
    unhelpful = ApiError({"code": 500, "reason": "InternalError", "message": "no"})
    assert error_type(unhelpful, "TargetNotFound") == "resource_not_found"
    assert error_type(None, None) == "unknown_error"
    # what is unknown stays unknown, whatever the words say
    assert error_type(None, "JobLost", "Error from server (NotFound): x") == "unknown_error"
