"""The programs of the small figures do what they say. Nothing is timed: counts are tiny."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure import Failed, run
from benchmarks.micro.benches import ASSETS, OURS, Bench, benches, program
from benchmarks.micro.bodies import LOADED, bodies
from benchmarks.micro.measuring import built, measured
from benchmarks.micro.row import Figure
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.core_v1 import ConfigMap

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go toolchain")
VERBS = ("create", "get", "status", "list")


def said(argv: Sequence[str]) -> dict[str, Any]:
    return dict(run(argv).said)


@pytest.fixture(scope="module")
def binaries() -> Path:
    found = shutil.which("go")
    assert found is not None
    return built(Path(found))


def test_an_import_costs_more_than_an_empty_interpreter() -> None:
    found = said(program("imports", "kubernaut", 1))
    assert found["face"] == OURS and found["cpu"] > 0 and found["empty_cpu"] > 0


def check_queue(found: dict[str, Any]) -> None:
    """The same of the program in Go: else they are not comparable."""
    assert found.keys() == {"items", "left", "sum", "cpu_us", "wall_us"}
    assert found["items"] == 200 and found["left"] == 0 and found["sum"] == 200 * len("benchitem-000000")
    assert found["cpu_us"] > 0 and found["wall_us"] > 0


def check_fake(found: dict[str, Any], total: int) -> None:
    """The same of the program in Go; `total` is the sum of what was read of the objects."""
    costs = {f"{verb}_{clock}_us" for verb in VERBS for clock in ("cpu", "wall")}
    assert found.keys() == {"objects", "sum", "patched", "listed", *costs}
    assert [found[key] for key in ("objects", "sum", "patched", "listed")] == [10, total, 10, 10]
    assert all(found[cost] > 0 for cost in costs)


def test_the_queue_hands_out_every_key() -> None:
    check_queue(said(program("queue", 200, 100)))


@pytest.mark.parametrize("mode", ["request", "typed"])
def test_every_key_is_reconciled_as_often_as_it_is_enqueued(mode: str) -> None:
    found = said(program("own", mode, 200, 20))
    assert found["mode"] == mode and found["reconciles"] == 400
    assert found["sum"] == (400 if mode == "request" else 20 * sum(number % 10 for number in range(20)))
    assert {"cpu_us", "wall_us"} <= found.keys()


@pytest.mark.parametrize(("kind", "total"), [("items", 45), ("pods", 30)])
def test_every_object_is_created_read_patched_and_listed(kind: str, total: int) -> None:
    check_fake(said(program("fake", kind, 10)), total)


def test_the_served_fake_keeps_what_was_posted() -> None:
    found = said(program("fakehttp", "kubernaut", 40))
    assert found["created"] == 40 and found["stored"] == 72 and found["per_second"] > 0


@needs_go
def test_the_queue_in_go_does_the_same(binaries: Path) -> None:
    check_queue(said([str(binaries / "queue"), "200", "100"]))


@needs_go
@pytest.mark.parametrize(("kind", "total"), [("items", 45), ("pods", 30)])
def test_the_fake_client_in_go_does_the_same(binaries: Path, tmp_path: Path, kind: str, total: int) -> None:
    file = tmp_path / kind
    file.write_bytes(b"\n".join(bodies(kind, 10)))
    check_fake(said([str(binaries / "fakeclient"), kind, str(file)]), total)


@needs_go
async def test_the_load_in_go_creates_as_much(binaries: Path, tmp_path: Path) -> None:
    file = tmp_path / "bodies"
    file.write_bytes(b"\n".join(bodies("configmaps", 50)))
    async with FakeCluster(controlplane=False) as cluster, cluster.serve():
        argv = [str(binaries / "httpload"), str(cluster.kubeconfig(tmp_path / "kubeconfig")), str(file), "32", "10"]
        found = await asyncio.to_thread(said, argv)
        assert found.keys() == {"created", "seconds", "client_cpu"} and found["created"] == 40
        names = [each.name for each in await cluster.client.list(ConfigMap, namespace="default")]
        assert sum(name.startswith(LOADED) for name in names) == 50


def test_what_is_created_is_as_large_as_the_goals_say() -> None:
    assert 2_000 < len(bodies("items", 1)[0]) < 3_600
    assert 7_000 > len(bodies("pods", 1)[0]) > 3_500
    assert 2_000 < len(bodies("configmaps", 1)[0]) < 3_600


def test_a_peer_that_is_not_there_is_left_out_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ASSETS, raising=False)
    made = {bench.figures[0].name: bench for bench in benches(None, tmp_path, quick=True)}
    assert {
        name: list(bench.left_out.values()) for name, bench in made.items() if name != "imports" and bench.left_out
    } == {
        "queue": ["there is no Go toolchain"],
        "fake-create": ["there is no Go toolchain"],
        "fake-create-pods": ["there is no Go toolchain"],
        "http": [f"{ASSETS} is not set"],
    }
    assert os.listdir(tmp_path) == []


def say(text: str) -> list[str]:
    return ["echo", text]


def test_rows_are_medians_and_say_whether_goals_are_met() -> None:
    figure = Figure("row", "a row", "ms", "us", {"peer": 2.0, "gone": 1.0}, most=4.0, scale=1e-3)
    programs = {OURS: say('{"us": 3000, "sum": 1}'), "peer": say('{"us": 1000, "sum": 1}'), "gone": ["false"]}
    told: list[str] = []
    [row] = measured(Bench(programs, [figure], ("sum",)), 2, told.append)
    assert (row.ours, dict(row.peers), row.met) == (3.0, {"peer": 1.0}, False)
    assert row.left_out == {"gone": "its program failed"} and len(told) == 6
    alone = figure.row(3000, {}, {})
    assert alone.met is True and Figure("row", "", "", "us").row(1, {"peer": 2}, {}).met is None
    assert Figure("row", "", "", "", {"peer": 1.0}, more=True).row(3, {"peer": 2}, {}).met is True


def test_programs_that_did_not_do_the_same_are_not_compared() -> None:
    programs = {OURS: say('{"us": 1, "sum": 1}'), "peer": say('{"us": 1, "sum": 2}')}
    with pytest.raises(Failed, match="do not agree on sum"):
        measured(Bench(programs, [Figure("row", "", "", "us")], ("sum",)), 1, lambda text: None)
