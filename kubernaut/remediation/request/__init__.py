"""RemediationRequest: from a signal about a target to a healthy target, or to a person who has to look at it.

manager.add(requests(RequestConfig()))
"""

from kubernaut.remediation.request.config import RequestConfig
from kubernaut.remediation.request.controller import requests
from kubernaut.remediation.request.limits import Limits
from kubernaut.remediation.request.manifests import crds
from kubernaut.remediation.request.metrics import RequestMetrics
from kubernaut.remediation.request.reasons import Block, Done, Reason, Review
from kubernaut.remediation.request.types import (
    FINALIZER,
    GROUP,
    RESOLVED_AT,
    Phase,
    RemediationRequest,
    RemediationRequestSpec,
    RemediationRequestStatus,
)

__all__ = [
    "FINALIZER",
    "GROUP",
    "RESOLVED_AT",
    "Block",
    "Done",
    "Limits",
    "Phase",
    "Reason",
    "RemediationRequest",
    "RemediationRequestSpec",
    "RemediationRequestStatus",
    "RequestConfig",
    "RequestMetrics",
    "Review",
    "crds",
    "requests",
]
