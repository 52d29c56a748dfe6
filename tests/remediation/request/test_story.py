"""One story by all five controllers on the fake cluster: a bad rollout, its rollback, and a healthy target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.policy import allow_all
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.webhooks import webhook_configurations, webhooks_app
from kubernaut.remediation.analysis import AIAnalysis, AnalysisConfig, RuleAnalyzer, analyses
from kubernaut.remediation.analysis import crds as analysis_crds
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.execution.webhooks import (
    RegisteredWebhooks,
    StatusWriters,
    stamping_webhooks,
    status_webhook,
)
from kubernaut.remediation.processing import ProcessingConfig, RemediationProcessing, processings
from kubernaut.remediation.request import RemediationRequest, RequestConfig, crds, requests
from kubernaut.remediation.request.webhooks import request_webhooks
from kubernaut.remediation.workflow import WorkflowConfig, WorkflowExecution, workflows
from kubernaut.remediation.workflow import crds as workflow_crds
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.testing import Cluster
from tests.remediation.processing import situations as given
from tests.remediation.request.test_stamps import ADDRESS, OURS, SERVICE
from tests.remediation.request.world import TARGET, signal

pytestmark = [
    pytest.mark.cluster(declared=True),
    pytest.mark.virtual_time,
    pytest.mark.fake_only("what containers do is scripted"),
]

STAMPED: tuple[type[Any], ...] = (WorkflowExecution, KubernetesExecution)
WRITTEN: tuple[type[Any], ...] = (*STAMPED, AIAnalysis, RemediationProcessing)
CATALOG = Catalog.builtin()
EXECUTION = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)


def everything() -> Sequence[Controller]:
    """All five, as production has them."""
    return [
        executions(EXECUTION),
        workflows(WorkflowConfig(execution=EXECUTION)),
        processings(ProcessingConfig()),
        analyses(AnalysisConfig(analyzer=RuleAnalyzer.shipped(), catalog=CATALOG)),
        requests(RequestConfig(allow_unstamped=True)),
    ]


async def prepare(cluster: Cluster) -> None:
    """A shop whose Deployment web is healthy, and everything that remediations need."""
    cluster.behaviour = given.by_image({given.BROKEN: given.UNPULLABLE})
    await given.prepare(cluster, None, *execution_crds(), *workflow_crds(), *analysis_crds(), *crds())
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await given.deploy(cluster)


async def report(cluster: Cluster, name: str = "web-down") -> None:
    """What the gateway does when an alert comes."""
    metadata = {"name": name, "namespace": "shop"}
    spec = {"signal": signal(), "target": TARGET}
    await cluster.client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": spec}))


async def read(cluster: Cluster, name: str = "web-down") -> RemediationRequest:
    return await cluster.client.get(RemediationRequest, name, namespace="shop")


async def image_of(cluster: Cluster) -> str | None:
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    return web.spec.template.spec.containers[0].image


async def test_a_bad_rollout_is_rolled_back_and_the_target_healthy(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(*everything()):
        await given.roll_out(cluster)
        assert await image_of(cluster) == given.BROKEN
        await report(cluster)
        await cluster.advance(minutes=4)
        status = (await read(cluster)).status
        phases = [each.phase for each in status.transitions]
        assert phases == ["pending", "processing", "analyzing", "executing", "verifying", "completed"], status.to_dict()
        assert status.reason == "Remediated" and await image_of(cluster) == "web:1"
        web = await cluster.client.get(Deployment, "web", namespace="shop")
        assert web.status.ready_replicas == 2 and web.status.updated_replicas == 2
    for kind, count in ((RemediationProcessing, 1), (AIAnalysis, 1), (WorkflowExecution, 1), (KubernetesExecution, 1)):
        assert len(await cluster.client.list(kind, namespace="shop")) == count


async def test_the_example_is_a_request_that_is_carried_out(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(*everything()):
        await given.roll_out(cluster)
        await cluster.load(Path(__file__).parents[3] / "examples" / "remediation-request.yaml")
        await cluster.advance(minutes=4)
        request = await read(cluster, "web-stuck")
        assert request.status.reason == "Remediated" and request.spec.max_recovery_attempts == 2


async def test_a_target_that_no_rule_knows_is_a_persons_and_nothing_is_done(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(*everything()):
        await report(cluster)
        await cluster.advance(minutes=3)
        status = (await read(cluster)).status
        assert (status.overall_phase, status.reason) == ("manual_review", "AnalysisInconclusive"), status.to_dict()
        assert not len(await cluster.client.list(KubernetesExecution, namespace="shop"))


async def test_a_request_that_is_deleted_while_it_acts_takes_everything_with_it(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(*everything()):
        await given.roll_out(cluster)
        await report(cluster)
        while not len(await cluster.client.list(KubernetesExecution, namespace="shop")):
            await cluster.advance(seconds=0.2)
        await cluster.client.delete(RemediationRequest, "web-down", namespace="shop")
        await cluster.advance(seconds=30)
        kinds: tuple[type[Any], ...] = (RemediationRequest, WorkflowExecution, KubernetesExecution, AIAnalysis)
        for kind in kinds:
            assert not len(await cluster.client.list(kind, namespace="shop"))


async def test_a_rollback_that_fails_leads_to_another_analysis_and_then_to_a_person(cluster: Cluster) -> None:
    await prepare(cluster)
    broken = given.by_image({given.BROKEN: given.UNPULLABLE})

    def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
        if pod.namespace == EXECUTION.executor_namespace:
            return PodScript(exit_code=1, log="error: something went wrong\n")
        script: PodScript | None = broken(pod, container, restarts)
        return script

    cluster.behaviour = behave
    async with cluster.running(*everything()):
        await given.roll_out(cluster)
        await report(cluster)
        await cluster.advance(minutes=6)
        status = (await read(cluster)).status
        assert status.recovery_attempts == 1 and status.recovery_reason == "workflow_unknown_error_step_0"
        first = status.workflow_execution_refs[0]
        assert (first.outcome, first.failed_action) == ("failed", "rollback-deployment")
        told = (await cluster.client.get(AIAnalysis, "web-down-recovery-1", namespace="shop")).spec
        assert told.failed_action == "rollback-deployment" and "something went wrong" in (told.failure_reason or "")
        # The rules propose nothing that was tried.
        assert (status.overall_phase, status.reason) == ("manual_review", "AnalysisInconclusive"), status.message
        assert status.manual_review is not None and status.manual_review.look_at[0] == "Deployment shop/web"
        # A person repairs it.
        await given.roll_out(cluster, "web:3")
        await cluster.advance(minutes=1)
        assert (await read(cluster)).status.reason == "ResolvedByPerson"


@pytest.mark.cluster(declared=False)
async def test_whoever_asked_is_known_from_the_request_to_the_job(cluster: FakeCluster) -> None:
    writers = StatusWriters([OURS])
    hooks = [
        *request_webhooks((), writers),
        *(hook for kind in STAMPED for hook in stamping_webhooks(own=writers, kind=kind)),
        *(status_webhook(writers, kind) for kind in WRITTEN),
    ]
    cluster.server.route_webhook(ADDRESS, webhooks_app(hooks))
    await prepare(cluster)
    await cluster.load(webhook_configurations("kubernaut", hooks, service=SERVICE))
    vouching = RegisteredWebhooks(hooks)
    execution = EXECUTION.model_copy(
        update={"allow_unstamped": False, "vouching": vouching, "delegated_requesters": frozenset({"mary"})}
    )
    manager = Manager(cluster.client_as(OURS), seed=1)
    manager.add(
        executions(execution),
        workflows(WorkflowConfig(execution=execution, vouching=vouching)),
        processings(ProcessingConfig()),
        analyses(AnalysisConfig(analyzer=RuleAnalyzer.shipped(), catalog=CATALOG)),
        requests(RequestConfig(vouching=vouching)),
    )
    async with manager.running():
        await given.roll_out(cluster)
        metadata = {"name": "web-down", "namespace": "shop"}
        request = RemediationRequest.from_dict({"metadata": metadata, "spec": {"signal": signal(), "target": TARGET}})
        await cluster.client_as("mary").create(request)
        await cluster.advance(minutes=4)
        status = (await read(cluster)).status
        assert status.reason == "Remediated", status.message
        kinds: tuple[type[Any], ...] = (RemediationRequest, WorkflowExecution, KubernetesExecution)
        for kind in kinds:
            (made,) = await cluster.client.list(kind, namespace="shop")
            assert made.spec.requested_by.username == "mary"
