"""What the whole way is explored with, from a request to a healed target, by all five controllers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID, rbac_manifests
from kubernaut.remediation.analysis import AIAnalysis, AnalysisConfig, AnalysisInput, AnalysisResult, analyses
from kubernaut.remediation.execution import KubernetesExecution, executions
from kubernaut.remediation.processing import RemediationProcessing, processings
from kubernaut.remediation.request import Limits, RemediationRequest, RequestConfig, crds, requests
from kubernaut.remediation.workflow import Limits as WorkflowLimits
from kubernaut.remediation.workflow import WorkflowConfig, WorkflowExecution, workflows
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.testing.exploration import (
    Deployments,
    GarbageCollection,
    Jobs,
    Scenario,
    World,
    always,
    at_most_once,
    eventually,
    on_change,
)
from tests.remediation import scenarios as execution
from tests.remediation.request import scenarios as request
from tests.remediation.workflow import scenarios as workflow

SHORT = timedelta(seconds=3)
KINDS: tuple[type[Any], ...] = (RemediationProcessing, AIAnalysis, WorkflowExecution, KubernetesExecution)
SCALE = workflow.scale(workflow.WEB)
RESTART = {"name": "restart-web", "action": "restart-deployment", "target": workflow.WEB}
"""Whose Job fails: see `workflow.command`."""


class Fixed:
    """Proposes the same at each first look, and another step once that has failed."""

    name = "fixed"

    def __init__(self, first: dict[str, Any], then: dict[str, Any]) -> None:
        self._first, self._then = first, then

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        step = self._first if question.recovery is None else self._then
        answer = {"rootCause": "too few", "confidence": 0.9, "recommendation": "proceed", "steps": [step]}
        return AnalysisResult.model_validate({**answer, "analyzer": self.name})


def everything(analyzer: Fixed) -> Callable[[], list[Any]]:
    limits = WorkflowLimits(stable=SHORT, look=timedelta(seconds=1), monitoring=timedelta(seconds=50))
    asked = Limits(stable=SHORT, cooldown=timedelta(seconds=5), backoff=timedelta(seconds=5))
    return lambda: [
        executions(workflow.EXECUTION),
        workflows(WorkflowConfig(execution=workflow.EXECUTION, limits=limits)),
        processings(),
        analyses(AnalysisConfig(analyzer=analyzer, catalog=workflow.CATALOG)),
        requests(RequestConfig(allow_unstamped=True, limits=asked)),
    ]


async def healed(world: World) -> None:
    await world.client.create(request.request("web-down"))
    await world.settled(quiet=timedelta(seconds=40))


async def deleted_half_way(world: World) -> None:
    await world.client.create(request.request("web-down"))
    await world.until(lambda view: bool(view.all(Job)), within=timedelta(minutes=5))
    await world.sleep(seconds=0.5)
    await world.client.delete(RemediationRequest, "web-down", namespace="shop")
    await world.settled(quiet=timedelta(seconds=40))


def nothing_between(before: Deployment | None, after: Deployment | None) -> str | None:
    """The way there, and the way back where a workflow is undone; each only from where it begins."""
    known = (execution.BEFORE, execution.AFTER)
    return None if after is None or after.spec.replicas in known else f"the target has {after.spec.replicas} replicas"


INVARIANTS = (
    on_change(RemediationRequest, request.phases_follow_the_table),
    on_change(RemediationRequest, request.attempts_are_counted_once),
    on_change(WorkflowExecution, workflow.phases_follow_the_table),
    on_change(KubernetesExecution, execution.phases_follow_the_table),
    on_change(Deployment, nothing_between),
    always(request.one_workflow_acts_on_a_target, kinds=[WorkflowExecution]),
    always(execution.no_job_without_rollback_information, kinds=[Job, KubernetesExecution]),
    at_most_once(WorkflowExecution),
    at_most_once(KubernetesExecution),
    at_most_once(Job, by=lambda job: job.metadata.labels.get(LABEL_EXECUTION_ID)),
    eventually(request.every_request_rests_with_a_reason),
    eventually(request.no_child_is_orphaned),
    eventually(request.every_child_is_recorded),
    eventually(workflow.no_execution_outlives_its_workflow),
    eventually(workflow.every_workflow_ends_and_lets_go),
    eventually(execution.every_execution_ends),
    eventually(execution.no_job_outlives_its_execution),
    eventually(execution.no_lease_is_left),
)

healing = Scenario(
    name="healing",
    controllers=everything(Fixed(SCALE, SCALE)),
    crds=[*crds(), *(crd_for(kind) for kind in KINDS)],
    objects=[*rbac_manifests(workflow.CATALOG), execution.deployment()],
    steps=healed,
    invariants=INVARIANTS,
    controlplane=[GarbageCollection(), Jobs(run=workflow.command), Deployments()],
    allowed=request.ended_otherwise,
    # What was seen of the target, and when, differs with each fault.
    ignore=[
        "RemediationProcessing.status.facts",
        "AIAnalysis.status.attempts",
        "KubernetesExecution.status.executionResults.duration",
        "KubernetesExecution.status.specDigest",
        "KubernetesExecution.status.rollbackInformation.stateAfter",
        "WorkflowExecution.status.executionSnapshot",
    ],
)

another_way = replace(healing, name="another-way", controllers=everything(Fixed(RESTART, SCALE)))
deletion = replace(healing, name="deletion", steps=deleted_half_way)

SCENARIOS = (healing, another_way, deletion)
