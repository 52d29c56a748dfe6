"""Analyses of targets on the fake cluster, of the facts that the processing controller really gathered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.policy import allow_all
from kubernaut.remediation.analysis import (
    AIAnalysis,
    AnalysisConfig,
    Analyzer,
    Proposal,
    RuleAnalyzer,
    analyses,
    crds,
)
from kubernaut.remediation.analysis.types import AIAnalysisStatus
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.processing import processings
from kubernaut.remediation.workflow.types import WorkflowStep
from kubernaut.testing import Cluster
from tests.remediation.processing import situations as given
from tests.remediation.processing.situations import NAMESPACE

CATALOG = Catalog.builtin()
RULES = RuleAnalyzer.shipped()


def config(analyzer: Analyzer = RULES, **changes: Any) -> AnalysisConfig:
    return AnalysisConfig(analyzer=analyzer, catalog=CATALOG, **changes)


@asynccontextmanager
async def running(cluster: Cluster, settings: AnalysisConfig | None = None) -> AsyncIterator[None]:
    """The namespace, the CRDs, and both controllers."""
    await given.prepare(cluster, None, *crds())
    async with cluster.running(processings(given.TRUSTED), analyses(settings or config())):
        yield


def analysis(target: dict[str, Any], name: str = "rr-1", said: dict[str, Any] | None = None, **spec: Any) -> AIAnalysis:
    found = {"signal": given.signal(**(said or {})), "target": target, "processingRef": {"name": "rr-1"}, **spec}
    return AIAnalysis.from_dict({"metadata": {"name": name, "namespace": NAMESPACE}, "spec": found})


async def status_of(cluster: Cluster, name: str = "rr-1") -> AIAnalysisStatus:
    return (await cluster.client.get(AIAnalysis, name, namespace=NAMESPACE)).status


async def proposed(cluster: Cluster, target: dict[str, Any], **said: Any) -> Proposal:
    """What is proposed for a target, by facts gathered now."""
    await given.gathered(cluster, target, **said)
    return await analyzed(cluster, analysis(target, said=said))


async def analyzed(cluster: Cluster, wanted: AIAnalysis) -> Proposal:
    await cluster.client.create(wanted)
    await cluster.settled()
    status = await status_of(cluster, wanted.name)
    assert status.phase == "completed", status.to_dict()
    assert status.proposal is not None
    return status.proposal


def rule_of(proposal: Proposal) -> str:
    """The shipped rule that was chosen."""
    return proposal.evidence[0].source


async def carried_out(cluster: Cluster, steps: Sequence[WorkflowStep]) -> list[str | None]:
    """Each step as an execution, one after the other; their last phases."""
    settings = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)
    await cluster.load(execution_crds())
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    phases = []
    async with cluster.running(executions(settings)):
        for step in steps:
            spec = {"action": step.action, "target": step.target.to_dict(), "parameters": step.parameters}
            metadata = {"name": f"fix-{step.name}", "namespace": NAMESPACE}
            await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
            await cluster.advance(seconds=90)
            found = await cluster.client.get(KubernetesExecution, f"fix-{step.name}", namespace=NAMESPACE)
            phases.append(found.status.phase if found.status.phase != "failed" else found.status.message)
    return phases
