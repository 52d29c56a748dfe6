"""The reconciler of analyses: the phase table's. There is nothing to clean up: an analysis only asks."""

from __future__ import annotations

from kubernaut.reconcile import Context, Result
from kubernaut.remediation.analysis.asking import Ask
from kubernaut.remediation.analysis.config import AnalysisConfig
from kubernaut.remediation.analysis.phases import PHASES
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.machine.reconciler import PhaseReconciler
from kubernaut.remediation.machine.verdicts import Move


class AnalysisReconciler(PhaseReconciler[AIAnalysis, Ask]):
    """Asks until there is an answer; an analysis that is being deleted begins nothing more."""

    table = PHASES

    def __init__(self, config: AnalysisConfig) -> None:
        self._config = config

    def step(self, obj: AIAnalysis, ctx: Context) -> Ask:
        return Ask(obj, ctx, self._config)

    async def reconcile(self, obj: AIAnalysis, ctx: Context) -> Result | None:
        if obj.metadata.deletion_timestamp is not None:
            return None
        return await super().reconcile(obj, ctx)

    def describe(self, step: Ask, move: Move) -> str:
        target = step.obj.spec.target
        return f"{move.phase}: {step.obj.spec.signal.name} of {target.kind} {target.name}"
