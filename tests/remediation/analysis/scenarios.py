"""What facts and analyses are explored with: a Deployment, and an analyzer that is busy once."""

from __future__ import annotations

from typing import Any

from kubernaut.actions import Catalog
from kubernaut.remediation.analysis import (
    AIAnalysis,
    AnalysisConfig,
    AnalysisInput,
    AnalysisResult,
    AnalyzerUnavailable,
    RuleAnalyzer,
    analyses,
)
from kubernaut.remediation.analysis import crds as analysis_crds
from kubernaut.remediation.analysis.phases import PHASES as ANALYZING
from kubernaut.remediation.processing import RemediationProcessing, processings
from kubernaut.remediation.processing import crds as processing_crds
from kubernaut.remediation.processing.phases import PHASES as GATHERING
from kubernaut.testing.exploration import Deployments, Scenario, View, World, always, eventually, on_change
from tests.remediation.processing.situations import WEB, processing, signal, workload


class Busy:
    """Busy at its first call since the process began."""

    name = "busy"

    def __init__(self) -> None:
        self._rules = RuleAnalyzer.shipped()
        self._calls = 0

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        self._calls += 1
        if self._calls == 1:
            raise AnalyzerUnavailable("busy")
        return await self._rules.analyze(question)


def controllers() -> list[Any]:
    return [processings(), analyses(AnalysisConfig(analyzer=Busy(), catalog=Catalog.builtin()))]


def deployment() -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", **workload()}


def analysis() -> AIAnalysis:
    spec = {"signal": signal(), "target": WEB, "processingRef": {"name": "rr-1"}}
    return AIAnalysis.from_dict({"metadata": {"name": "rr-1", "namespace": "shop"}, "spec": spec})


async def analyzed(world: World) -> None:
    await world.client.create(processing(WEB))
    await world.client.create(analysis())
    await world.settled()


# What must hold.


def follows(table: Any) -> Any:
    def check(before: Any, after: Any) -> str | None:
        if before is None or after is None or before.status.phase == after.status.phase:
            return None
        old, new = before.status.phase, after.status.phase
        right = {str(phase) for phase in table[old].next} if old else {table.first}
        return None if new in right else f"phase {new} came after {old}"

    return check


def results_only_at_the_end(view: View) -> str | None:
    for each in view.all(RemediationProcessing):
        if (each.status.facts is not None) != (each.status.phase == "completed"):
            return f"processing {each.name} is {each.status.phase}, and its facts are {each.status.facts}"
    for one in view.all(AIAnalysis):
        if (one.status.proposal is not None) != (one.status.phase == "completed"):
            return f"analysis {one.name} is {one.status.phase}, and its proposal is {one.status.proposal}"
    return None


def every_one_ends_and_says_why(view: View) -> str | None:
    found: list[RemediationProcessing | AIAnalysis] = [*view.all(RemediationProcessing), *view.all(AIAnalysis)]
    for each in found:
        if each.status.phase not in ("completed", "failed") or each.status.completion_time is None:
            return f"{each.kind} {each.name} is still {each.status.phase}"
        if each.status.phase == "failed" and not (each.status.reason and each.status.message):
            return f"{each.kind} {each.name} failed without a reason"
    return None


def ended(view: View) -> bool:
    """Right where a fault kept facts away, or time: less is known then, and the status says so."""
    return every_one_ends_and_says_why(view) is None


facts_and_analysis = Scenario(
    name="facts-and-analysis",
    controllers=controllers,
    crds=[*processing_crds(), *analysis_crds()],
    objects=[deployment()],
    steps=analyzed,
    invariants=(
        on_change(RemediationProcessing, follows(GATHERING)),
        on_change(AIAnalysis, follows(ANALYZING)),
        always(results_only_at_the_end, kinds=[RemediationProcessing, AIAnalysis]),
        eventually(every_one_ends_and_says_why),
    ),
    controlplane=[Deployments()],
    allowed=ended,
    ignore=["RemediationProcessing.status.facts", "AIAnalysis.status.proposal", "AIAnalysis.status.attempts"],
)
