"""The reconciler of processings: the phase table's. There is nothing to clean up: a processing only reads."""

from __future__ import annotations

from kubernaut.reconcile import Context, Result
from kubernaut.remediation.machine.reconciler import PhaseReconciler
from kubernaut.remediation.machine.verdicts import Move
from kubernaut.remediation.processing.config import ProcessingConfig
from kubernaut.remediation.processing.phases import PHASES, Look
from kubernaut.remediation.processing.types import RemediationProcessing


class ProcessingReconciler(PhaseReconciler[RemediationProcessing, Look]):
    """Gathers once; a processing that is being deleted begins nothing more."""

    table = PHASES

    def __init__(self, config: ProcessingConfig) -> None:
        self._config = config

    def step(self, obj: RemediationProcessing, ctx: Context) -> Look:
        return Look(obj, ctx, self._config)

    async def reconcile(self, obj: RemediationProcessing, ctx: Context) -> Result | None:
        if obj.metadata.deletion_timestamp is not None:
            return None
        return await super().reconcile(obj, ctx)

    def describe(self, step: Look, move: Move) -> str:
        target = step.obj.spec.target
        return f"{move.phase}: {target.kind} {target.name}"
