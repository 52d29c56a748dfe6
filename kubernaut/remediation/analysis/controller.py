"""Wires the analysis controller: it reads facts, and nothing of the cluster itself."""

from __future__ import annotations

from kubernaut.reconcile import Backoff, Controller, Permission
from kubernaut.remediation.analysis.config import AnalysisConfig
from kubernaut.remediation.analysis.reconciler import AnalysisReconciler
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.machine import POLL
from kubernaut.remediation.processing.types import RemediationProcessing


def analyses(config: AnalysisConfig) -> Controller:
    """The controller of AIAnalyses, for production and for tests alike."""
    return Controller(
        AIAnalysis,
        AnalysisReconciler(config),
        max_concurrent=config.max_concurrent,
        # Errors must not put off a deadline by more than that.
        backoff=Backoff(cap=POLL.total_seconds()),
        permissions=[
            Permission(["get"], RemediationProcessing, why="the facts that the analyzer is told"),
            Permission(["get"], AIAnalysis, why="what was proposed before, in a recovery"),
        ],
    )
