"""The audit log: who changed what, why, and how it ended; idempotent, ordered, and evident when it was tampered with.

Example::

    async with open_store("sqlite:///audit.db") as store:
        await store.append(entry)                       # again after a crash: the same record, once
        for record in await store.query(AuditQuery(namespace="shop", limit=20)):
            print(record.sequence, record.entry.transition, record.entry.outcome)
"""

from kubernaut.audit.chain import Break, record_after, verify
from kubernaut.audit.deferred import DeferredStore
from kubernaut.audit.memory import MemoryAuditStore
from kubernaut.audit.opening import open_store
from kubernaut.audit.records import AuditEntry, AuditRecord, Subject, entry_id
from kubernaut.audit.store import AuditQuery, AuditRefused, AuditStore, AuditUnavailable

__all__ = [
    "AuditEntry",
    "AuditQuery",
    "AuditRecord",
    "AuditRefused",
    "AuditStore",
    "AuditUnavailable",
    "Break",
    "DeferredStore",
    "MemoryAuditStore",
    "Subject",
    "entry_id",
    "open_store",
    "record_after",
    "verify",
]
