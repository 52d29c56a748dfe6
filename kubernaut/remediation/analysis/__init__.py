"""AIAnalysis: the facts go in; a root cause and a workflow made of known actions come out.

manager.add(analyses(AnalysisConfig(analyzer=RuleAnalyzer.shipped(), catalog=Catalog.builtin())))
"""

from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    Analyzer,
    AnalyzerError,
    AnalyzerUnavailable,
)
from kubernaut.remediation.analysis.building import build_analyzer, close_analyzer
from kubernaut.remediation.analysis.combined import CombinedAnalyzer
from kubernaut.remediation.analysis.config import AnalysisConfig, Limits, Thresholds
from kubernaut.remediation.analysis.controller import analyses
from kubernaut.remediation.analysis.http import HttpAnalyzer
from kubernaut.remediation.analysis.manifests import crds
from kubernaut.remediation.analysis.reasons import Reason
from kubernaut.remediation.analysis.rules import RuleAnalyzer, RuleError
from kubernaut.remediation.analysis.types import GROUP, AIAnalysis, AIAnalysisSpec, Evidence, Phase, Proposal

__all__ = [
    "GROUP",
    "AIAnalysis",
    "AIAnalysisSpec",
    "AnalysisConfig",
    "AnalysisInput",
    "AnalysisResult",
    "Analyzer",
    "AnalyzerError",
    "AnalyzerUnavailable",
    "CombinedAnalyzer",
    "Evidence",
    "HttpAnalyzer",
    "Limits",
    "Phase",
    "Proposal",
    "Reason",
    "RuleAnalyzer",
    "RuleError",
    "Thresholds",
    "analyses",
    "build_analyzer",
    "close_analyzer",
    "crds",
]
