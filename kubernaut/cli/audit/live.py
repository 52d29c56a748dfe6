"""Compares the audit log with what the cluster keeps of it: the last hash of each execution, in its status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubernaut.audit import AuditQuery, AuditStore, Break
from kubernaut.client import Client
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.auditing import RECORDED
from kubernaut.resources import AnyResource

_HASH = re.compile(r"\b[0-9a-f]{64}\Z")


async def compare(store: AuditStore, client: Client, namespace: str | None) -> tuple[int, int, list[Break]]:
    """How many executions of the cluster have ended and are recorded, how many others there are, and where the log
    has not what it had then.

    `namespace` None is all of them. The log may have lost the end of a chain, or all of it; a chain that was purged on
    purpose cannot be told from that. Raises ApiError, AuditUnavailable and AuditRefused.
    """
    rt = KubernetesExecution.resource_type
    # As it is stored: one that cannot be typed must not keep the others from being looked at.
    kind = AnyResource.of(rt.api_version, rt.kind, rt.plural, rt.namespaced)
    looked_at, others, breaks = 0, 0, []
    for each in await client.list(kind, namespace=namespace):
        told = _recorded(each.to_dict())
        if told is None:
            others += 1
            continue
        looked_at += 1
        newest = list(await store.query(AuditQuery(uid=each.uid, newest=True, limit=1)))
        name, uid = f"{each.namespace}/{each.name}", each.uid or ""
        if not newest:
            breaks.append(Break(uid, 0, f"the log has nothing of {name}, which was recorded: removed, or purged"))
        elif (hashed := _HASH.search(told)) is None:
            breaks.append(Break(uid, newest[0].sequence, f"the status of {name} has no hash"))
        elif newest[0].hash != hashed[0]:
            problem = f"is not the last one that the status of {name} names: the end was removed, changed or put in"
            breaks.append(Break(uid, newest[0].sequence, problem))
    return looked_at, others, breaks


def _recorded(execution: Mapping[str, Any]) -> str | None:
    """The message of the condition AuditRecorded where that is true."""
    for condition in (execution.get("status") or {}).get("conditions") or ():
        if condition.get("type") == RECORDED and condition.get("status") == "True":
            return str(condition.get("message") or "")
    return None
