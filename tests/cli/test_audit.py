"""`kubernaut audit` on a real database."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kubernaut.audit import AuditQuery, AuditRecord, MemoryAuditStore, open_store
from kubernaut.cli.app import app
from kubernaut.cli.audit.times import moment, parse_age
from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution import KubernetesExecution, crds
from tests.audit.entries import START, entry


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log of two executions."""
    made = f"sqlite:///{tmp_path / 'audit.db'}"

    async def fill() -> None:
        async with open_store(made) as store:
            await store.append(entry("u1", "validating", 0, target="apps/v1 Deployment shop/web"))
            await store.append(entry("u2", "validating", 1, namespace="billing"))
            await store.append(
                entry("u1", "failed", 2, outcome="failed", reason="PolicyDenied", message='=1+1,"quoted"')
            )

    asyncio.run(fill())
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def test_list_shows_the_newest_as_a_table(url: str) -> None:
    result = run("list", "--store", url)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["TIME", "EXECUTION", "TRANSITION", "ACTION", "TARGET", "ACTOR", "OUTCOME", "REASON"]
    assert [line.split()[1] for line in lines[1:]] == ["shop/fix-u1", "billing/fix-u2", "shop/fix-u1"]
    assert "PolicyDenied" in lines[3]
    assert len(run("list", "--store", url, "--limit", "1").stdout.splitlines()) == 2


def test_list_narrows(url: str) -> None:
    found = run("list", "--store", url, "--json", "-n", "shop", "--outcome", "failed", "--since", START.isoformat())
    (record,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert record["entry"]["id"] == "u1:failed"


def test_show_tells_the_story_of_one(url: str) -> None:
    for name in ("fix-u1", "u1"):
        result = run("show", name, "--store", url)
        assert result.exit_code == 0
        assert "1. 2024-01-01 12:00:00  validating  started" in result.stdout
        assert "   reason: PolicyDenied" in result.stdout


def test_show_of_a_name_that_the_log_does_not_know_ends_with_1(url: str) -> None:
    result = run("show", "nobody", "--store", url)
    assert result.exit_code == 1
    assert "the log has nothing of 'nobody'" in result.stderr


def test_export_writes_csv_that_reads_back_and_holds_no_formula(url: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", "--store", url, "--csv").stdout)))
    assert [row["transition"] for row in rows] == ["validating", "validating", "failed"]
    assert rows[2]["message"] == '\'=1+1,"quoted"'
    assert rows[0]["target"] == "apps/v1 Deployment shop/web"


def test_export_writes_json_lines_by_default(url: str) -> None:
    lines = run("export", "--store", url).stdout.splitlines()
    assert [json.loads(line)["position"] for line in lines] == [1, 2, 3]
    assert run("export", "--store", url, "--json", "--csv").exit_code == 2


def test_verify_tells_a_change_and_ends_with_1(url: str) -> None:
    result = run("verify", "--store", url)
    assert (result.exit_code, result.stdout) == (0, "3 records of 2 executions: every chain holds\n")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("DELETE FROM kubernaut_audit WHERE position = 1")
    database.close()
    result = run("verify", "--store", url)
    assert result.exit_code == 1
    assert "BROKEN u1 record 2: record 1 is missing" in result.stderr


def test_purge_forgets_what_is_old(url: str) -> None:
    assert run("purge", "--older-than", "1d", "--store", url).stdout == "3 records removed\n"
    assert run("purge", "--older-than", "soon", "--store", url).exit_code == 2


def test_a_store_that_is_not_there_ends_with_4_and_migrate_makes_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    result = run("list", "--store", url)
    assert result.exit_code == 4
    assert "there is no such file" in result.stderr
    assert run("migrate", "--store", url).stdout == "the tables are up to date\n"
    assert run("list", "--store", url).exit_code == 0


def test_a_url_or_time_that_cannot_be_used_ends_with_2(url: str) -> None:
    assert run("list", "--store", "mysql://host/x").exit_code == 2
    result = run("list", "--store", url, "--since", "yesterday")
    assert result.exit_code == 2
    assert "--since: 'yesterday' is neither a time" in result.stderr


@pytest.mark.parametrize("command", ["list", "export"])
def test_an_outcome_that_there_is_not_is_refused_with_the_nearest(url: str, command: str) -> None:
    result = run(command, "--store", url, "--outcome", "failde")
    assert result.exit_code == 2
    assert "--outcome: there is no outcome 'failde': did you mean failed?" in result.stderr
    assert "there is started, validated, executing, succeeded, failed" in run("list", "--outcome", "x").stderr


def test_alembic_tells_of_its_workings_at_level_debug_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for level, told in ((logging.INFO, set[str]()), (logging.DEBUG, {"DEBUG"})):
        caplog.clear()
        with caplog.at_level(level), caplog.at_level(level, "kubernaut"), caplog.at_level(level, "alembic"):
            run("migrate", "--store", f"sqlite:///{tmp_path}/{level}.db")
        assert {record.levelname for record in caplog.records if record.name.startswith("alembic")} == told


def test_times_and_ages() -> None:
    assert parse_age("1d12h") == timedelta(hours=36)
    assert moment("90m", START, "--since") == START - timedelta(minutes=90)
    assert moment("2024-01-01T12:00:00", START, "--since") == datetime(2024, 1, 1, 12, tzinfo=UTC)
    for wrong in ("", "12", "1h-", "9999999999999w"):
        with pytest.raises(ValueError, match=r"age|longer"):
            parse_age(wrong)


class Repeating(MemoryAuditStore):
    """Answers every question with its first records."""

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        return await super().query(replace(query, after=0, limit=2))


def test_a_store_that_ignores_where_to_go_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Repeating()
    asyncio.run(store.append(entry("u1")))

    @asynccontextmanager
    async def opened(url: str, **options: object) -> AsyncIterator[Repeating]:
        yield store

    monkeypatch.setattr("kubernaut.cli.audit.command.open_store", opened)
    for command in ("verify", "export"):
        result = run(command, "--store", "https://audit")
        assert result.exit_code == 4
        assert "the store gave record 1 again" in result.stderr


def recorded(name: str, hashed: str, status: str = "True") -> dict[str, Any]:
    message = f"2 transitions, the last with hash {hashed}"
    condition = {"type": "AuditRecorded", "status": status, "reason": "Recorded", "message": message}
    target = {"kind": "Deployment", "name": "web"}
    return {
        "apiVersion": "kubernetesexecution.kubernaut.io/v1",
        "kind": "KubernetesExecution",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"action": "scale-deployment", "target": target},
        "status": {"conditions": [condition]},
    }


class Live:
    """A log, and a cluster whose executions it tells of."""

    def __init__(self, cluster: FakeCluster, folder: Path) -> None:
        self.cluster = cluster
        self.kubeconfig = str(cluster.kubeconfig(folder / "config"))
        self.file = folder / "live.db"
        self.url = f"sqlite:///{self.file}"

    async def execution(self, name: str, told: int, *, status: str = "True") -> str:
        """An execution of which so many transitions were recorded; its uid."""
        kind = KubernetesExecution
        await self.cluster.load([recorded(name, "0" * 64)])
        obj = await self.cluster.client.get(kind, name, namespace="shop")
        hashed = "0" * 64
        async with open_store(self.url) as store:
            for number in range(told):
                hashed = (await store.append(entry(obj.uid or "", f"step-{number}", number, name=name))).hash
        await self.cluster.client.update_status(
            obj.model_copy(update={"status": kind.from_dict(recorded(name, hashed, status)).status})
        )
        return obj.uid or ""

    async def verify(self) -> Result:
        return await asyncio.to_thread(run, "verify", "--store", self.url, "--live", "--kubeconfig", self.kubeconfig)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with FakeCluster(controlplane=False) as cluster, cluster.serve():
        await cluster.load(crds())
        yield Live(cluster, tmp_path)


async def test_verify_live_compares_with_the_hashes_that_the_cluster_keeps(live: Live) -> None:
    await live.execution("done", 2)
    await live.execution("busy", 0, status="False")
    result = await live.verify()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("1 executions in the cluster: the log ends as they say\n")
    assert "ended and are recorded are looked at; 1 other has not, in the cluster" in result.stderr


async def test_verify_live_tells_an_execution_of_which_the_log_has_nothing(live: Live) -> None:
    await live.execution("done", 2)
    uid = await live.execution("gone", 0)
    result = await live.verify()
    assert result.exit_code == 1
    assert f"BROKEN {uid} record 0: the log has nothing of shop/gone" in result.stderr


async def test_verify_live_tells_a_chain_whose_end_was_cut_off(live: Live) -> None:
    uid = await live.execution("done", 2)
    with sqlite3.connect(live.file) as database:
        database.execute("DELETE FROM kubernaut_audit WHERE sequence = 2")
    database.close()
    alone = await asyncio.to_thread(run, "verify", "--store", live.url)
    assert alone.exit_code == 0, "the chain alone cannot tell"
    result = await live.verify()
    assert result.exit_code == 1
    assert f"BROKEN {uid} record 1: is not the last one that the status of shop/done names" in result.stderr


def test_options_of_a_cluster_need_live(url: str) -> None:
    assert run("verify", "--store", url, "--context", "x").exit_code == 2
