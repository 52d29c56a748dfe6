"""Hundreds of executions, and a database that is cut off in their midst: nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.audit import (
    AuditEntry,
    AuditQuery,
    AuditRecord,
    AuditStore,
    AuditUnavailable,
    DeferredStore,
    verify,
)
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.auditing import AuditLag, audits
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from kubernaut.timing import hold
from tests.audit import postgres
from tests.audit.conftest import _emptied

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.cluster(declared=True, nodes=1),
    pytest.mark.fake_only("hundreds of Jobs in virtual time"),
]

# 500 when there is time for it (`make explore`).
MANY, SOME = (500 if os.environ.get("KUBERNAUT_EXPLORE") else 200), 60
CATALOG = Catalog([Catalog.builtin().get("patch-resource")])
CONFIG = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True, audited=True)


class Struck:
    """A store that falls over in the middle of the `at`-th request, while others are being served."""

    def __init__(self, store: AuditStore, at: int) -> None:
        self._store = store
        self.at = at
        self.asked = self.acknowledged = self.unanswered = 0

    async def append(self, entry: AuditEntry) -> AuditRecord:
        self.asked += 1
        try:
            if self.asked != self.at:
                record = await self._store.append(entry)
            else:
                record = await self._while_falling(entry)
        except AuditUnavailable:
            self.unanswered += 1
            raise
        self.acknowledged += 1
        return record

    async def _while_falling(self, entry: AuditEntry) -> AuditRecord:
        with hold():
            told, _ = await asyncio.gather(
                self._store.append(entry), asyncio.to_thread(self.fall), return_exceptions=True
            )
        if isinstance(told, BaseException):
            raise told
        return told

    def fall(self) -> None:
        """What happens to the store; called in a thread."""
        raise NotImplementedError

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        return await self._store.query(query)

    async def purge(self, before: datetime) -> int:
        return await self._store.purge(before)


class Killed(Struck):
    """Its database is ended as by a power cut."""

    def __init__(self, store: AuditStore, server: postgres.Server, at: int) -> None:
        super().__init__(store, at)
        self._server = server

    def fall(self) -> None:
        self._server.kill()


class Locked(Struck):
    """Another process holds the database until a few have asked in vain."""

    def __init__(self, store: AuditStore, file: Path, at: int) -> None:
        super().__init__(store, at)
        self._file = file
        self._other: sqlite3.Connection | None = None

    def fall(self) -> None:
        self._other = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._other.execute("BEGIN EXCLUSIVE")

    async def append(self, entry: AuditEntry) -> AuditRecord:
        try:
            return await super().append(entry)
        except AuditUnavailable:
            self.release()
            raise

    def release(self) -> None:
        other, self._other = self._other, None
        if other is not None:
            other.close()


async def prepare(cluster: FakeCluster, count: int) -> None:
    await cluster.load(crds())
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    for number in range(count):
        await cluster.client.create(
            ConfigMap.from_dict({"metadata": {"name": f"map-{number}", "namespace": "shop"}, "data": {"a": "b"}})
        )
    await cluster.settled()


EACH = 10
WRONG: list[dict[str, Any]] = [
    {"action": "patch-resourse"},
    {"target": {"kind": "ConfigMap", "namespace": "shop", "name": "gone"}},
    {"parameters": {"patch": "data: {a: c}", "replicas": 5}},
    {"timeout": "0s"},
]


async def create(cluster: FakeCluster, count: int) -> None:
    """Of ten executions one has a Job and succeeds; the others fail, each in its way."""
    for number in range(count):
        target = {"kind": "ConfigMap", "namespace": "shop", "name": f"map-{number}"}
        spec = {"action": "patch-resource", "target": target, "parameters": {"patch": "data: {a: c}"}}
        spec |= {"dryRun": "never", **(WRONG[number % len(WRONG)] if number % EACH else {})}
        metadata = {"name": f"fix-{number}", "namespace": "shop"}
        await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))


async def recorded(store: AuditStore) -> list[AuditRecord]:
    found: list[AuditRecord] = []
    while page := await store.query(AuditQuery(after=found[-1].position if found else 0, limit=1000)):
        found += page
    return found


async def all_of(cluster: FakeCluster) -> list[KubernetesExecution]:
    return list(await cluster.client.list(KubernetesExecution, namespace="shop"))


def told(found: list[KubernetesExecution]) -> int:
    return sum(each.status.is_true("AuditRecorded") for each in found)


async def check(found: list[KubernetesExecution], store: AuditStore, count: int) -> None:
    """Every transition of every execution is there, in its order, once, and the chains hold."""
    ended = [each.status.phase for each in found]
    assert len(found) == count and set(ended) == {"rollback_ready", "failed"}
    assert ended.count("rollback_ready") == count // EACH
    assert told(found) == count
    assert all(each.status.recorded_transitions == len(each.status.transitions) for each in found)
    records = await recorded(store)
    assert len(records) == sum(len(each.status.transitions) for each in found)
    assert len({record.entry.id for record in records}) == len(records)
    assert verify(records) == []
    chains: dict[str, list[str]] = {}
    for record in records:
        chains.setdefault(record.entry.subject.uid, []).append(record.entry.transition)
    assert chains == {each.uid: [step.phase for step in each.status.transitions] for each in found}


async def test_a_postgresql_that_is_killed_among_hundreds_of_executions_loses_and_doubles_nothing(
    cluster: FakeCluster, postgresql: postgres.Server
) -> None:
    with hold():
        await _emptied(postgresql.url)
    await prepare(cluster, MANY)
    below, lag = DeferredStore(postgresql.url), AuditLag()
    store = Killed(below, postgresql, at=MANY * 7 // 5)
    try:
        async with cluster.running(executions(CONFIG), audits(store, lag=lag, catalog=CATALOG)):
            await create(cluster, MANY)
            await cluster.settled()
            found = await all_of(cluster)
            # The actions did not wait for the log.
            assert {each.status.phase for each in found} == {"rollback_ready", "failed"}
            assert 0 < told(found) < MANY * 9 // 10
            assert store.unanswered > MANY // 10
            # It comes back, and is killed once more while it is told what it missed.
            store.at = store.asked + MANY * 3 // 10
            with hold():
                await asyncio.to_thread(postgresql.start)
            await cluster.advance(seconds=20)
            assert told(found := await all_of(cluster)) < MANY
            with hold():
                await asyncio.to_thread(postgresql.start)
            await cluster.advance(seconds=40)
            await check(await all_of(cluster), below, MANY)
            asked = store.asked
            await cluster.advance(minutes=10)
            assert store.asked == asked, "what was recorded is told again for ever"
    finally:
        await below.aclose()
        if not postgresql.running:
            postgresql.start()


async def test_a_sqlite_file_that_another_process_holds_loses_and_doubles_nothing(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    await prepare(cluster, SOME)
    below = DeferredStore(f"sqlite:///{tmp_path / 'audit.db'}")
    store = Locked(below, tmp_path / "audit.db", at=50)
    try:
        async with cluster.running(executions(CONFIG), audits(store, catalog=CATALOG)):
            await create(cluster, SOME)
            await cluster.settled()
            await cluster.advance(minutes=2)
            assert store.unanswered > 0
            await check(await all_of(cluster), below, SOME)
    finally:
        store.release()
        await below.aclose()
