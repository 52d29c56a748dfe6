"""RemediationProcessing: the facts about a target, gathered once, bounded and redacted.

manager.add(processings(ProcessingConfig()))
"""

from kubernaut.remediation.processing.config import ProcessingConfig
from kubernaut.remediation.processing.controller import processings
from kubernaut.remediation.processing.manifests import crds
from kubernaut.remediation.processing.reasons import Reason
from kubernaut.remediation.processing.types import GROUP, Facts, Phase, RemediationProcessing, RemediationProcessingSpec

__all__ = [
    "GROUP",
    "Facts",
    "Phase",
    "ProcessingConfig",
    "Reason",
    "RemediationProcessing",
    "RemediationProcessingSpec",
    "crds",
    "processings",
]
