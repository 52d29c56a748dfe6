"""ApprovalRequest: a person's decision about one execution, asked for, made once, and counted only for what was shown.

config = ExecutionConfig(..., approvals=ApprovalRequests(webhooks=True))
manager.add(executions(config), approvals())
manager.add_webhooks(*execution_webhooks(config), *approval_webhooks(), tls=...)
"""

from kubernaut.remediation.approval.controller import approvals
from kubernaut.remediation.approval.deciding import DecisionRefused, decide, find_request
from kubernaut.remediation.approval.gate import ApprovalRequests, approval_name
from kubernaut.remediation.approval.types import (
    ApprovalRequest,
    ApprovalRequestSpec,
    ApprovalRequestStatus,
    DecidedBy,
    Decision,
    Subject,
)
from kubernaut.remediation.approval.webhooks import approval_webhooks

__all__ = [
    "ApprovalRequest",
    "ApprovalRequestSpec",
    "ApprovalRequestStatus",
    "ApprovalRequests",
    "DecidedBy",
    "Decision",
    "DecisionRefused",
    "Subject",
    "approval_name",
    "approval_webhooks",
    "approvals",
    "decide",
    "find_request",
]
