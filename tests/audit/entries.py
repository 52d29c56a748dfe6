"""Entries for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kubernaut.audit import AuditEntry, Subject, entry_id

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def entry(uid: str = "u1", transition: str = "validating", minutes: float = 0, **fields: Any) -> AuditEntry:
    """Something that happened to the execution `uid`, so many minutes after the start."""
    values = {"action": "scale-deployment", "outcome": "started", "actor": "jane", **fields}
    name = values.pop("name", f"fix-{uid}")
    return AuditEntry(
        id=entry_id(uid, transition),
        subject=Subject(kind="KubernetesExecution", namespace=values.pop("namespace", "shop"), name=name, uid=uid),
        transition=transition,
        time=START + timedelta(minutes=minutes),
        **values,
    )
