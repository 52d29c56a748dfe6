"""Tells the audit log of every transition of an execution; the status is the outbox.

manager.add(executions(config), audits(config, store))
"""

from kubernaut.remediation.execution.auditing.controller import audits
from kubernaut.remediation.execution.auditing.lag import AuditLag

__all__ = ["AuditLag", "audits"]
