"""Tells the audit log of every transition of an execution; the status is the outbox.

manager.add(executions(config), audits(store))
"""

from kubernaut.remediation.execution.auditing.controller import RECORDED, audits
from kubernaut.remediation.execution.auditing.lag import AuditLag

__all__ = ["RECORDED", "AuditLag", "audits"]
