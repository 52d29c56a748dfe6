"""Tells the audit log of every transition of an execution; the status is the outbox.

manager.add(executions(config), audits(store))
"""

from kubernaut.remediation.execution.auditing.controller import audits
from kubernaut.remediation.execution.auditing.lag import AuditLag
from kubernaut.remediation.execution.reasons import RECORDED

__all__ = ["RECORDED", "AuditLag", "audits"]
