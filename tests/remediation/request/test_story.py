"""One story by all five controllers on the fake cluster: a bad rollout, its rollback, and a healthy target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.policy import allow_all
from kubernaut.reconcile import Controller
from kubernaut.remediation.analysis import AIAnalysis, AnalysisConfig, RuleAnalyzer, analyses
from kubernaut.remediation.analysis import crds as analysis_crds
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.processing import ProcessingConfig, RemediationProcessing, processings
from kubernaut.remediation.request import RemediationRequest, RequestConfig, crds, requests
from kubernaut.remediation.workflow import WorkflowConfig, WorkflowExecution, workflows
from kubernaut.remediation.workflow import crds as workflow_crds
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.testing import Cluster
from tests.remediation.processing import situations as given
from tests.remediation.request.world import TARGET, signal

pytestmark = [
    pytest.mark.cluster(declared=True),
    pytest.mark.virtual_time,
    pytest.mark.fake_only("what containers do is scripted"),
]

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
