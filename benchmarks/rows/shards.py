"""Row `shards`: processes that share the keys by Leases, and write one status for each object together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Bench, scale
from benchmarks.measure import Cost, Failed, LoadServer, Program, load_server
from benchmarks.plots import bars
from benchmarks.section import Section, table

SHARDS = 8
PROCESSES = (1, 2, 4)
LONGEST = 150.0
PAUSE = 0.05


@dataclass(frozen=True)
class Together:
    """What some processes took: `cpu` and `wall` of the writes alone, `costs` of each from its start to its end."""

    cpu: float
    wall: float
    costs: list[Cost]

    def told(self) -> dict[str, Any]:
        """For figures.json."""
        each = [{"cpu": cost.cpu, "rss": cost.rss} for cost in self.costs]
        return {"cpu": self.cpu, "wall": self.wall, "processes": each}


def measure(bench: Bench) -> Section:
    """The section."""
    count, processes = bench.size(20_000, 1_000, 60), bench.size(PROCESSES, PROCESSES, (1, 2))
    section = Section(
        "shards", f"{SHARDS} shares of {count:,} custom resources in several processes, a status write each"
    )
    found: dict[int, Together] = {}
    for number in processes:
        # A server for each: leases of the processes before would only be waited for.
        with load_server(items=count) as server:
            try:
                found[number] = _together(server, number, count)
            except Failed as error:
                section.missing.append(f"shards, {number} processes: {error}")
                bench.tell(f"  shards {number}: {error}")
                continue
        bench.tell(f"  shards {number}: {found[number].cpu:.2f} s CPU, {found[number].wall:.1f} s")
    _tell(section, found, count)
    return section


def _together(server: LoadServer, number: int, count: int) -> Together:
    """Start processes, wait until the shares are divided, and have all objects written. Raises Failed."""
    server.control("items/ready")
    programs = [Program(scale("shard", SHARDS), kubeconfig=server.kubeconfig) for _ in range(number)]
    try:
        _until(lambda: _divided(server.control("items/state"), number), programs, "the shares were not divided")
        server.control(f"items/prepare?frames={count}&keys={count}")
        before, began = sum(program.cpu for program in programs), time.monotonic()
        server.control(f"items/go?watchers={number}")
        _until(lambda: server.control("items/state")["patched"] >= count, programs, "not all objects were written")
        wall, cpu = time.monotonic() - began, sum(program.cpu for program in programs) - before
    finally:
        costs = _ended(programs)
    written = server.control("items/state")["patched"]
    total = sum(cost.said["written"] for cost in costs)
    if written != count or total < count:
        raise Failed(f"{written} writes came, {total} reconciles wrote, for {count} objects")
    return Together(cpu, wall, costs)


def _until(done: Any, programs: list[Program], complaint: str) -> None:
    end = time.monotonic() + LONGEST / 2
    while not done():
        if time.monotonic() > end or not all(program.alive for program in programs):
            raise Failed(complaint)
        time.sleep(PAUSE)


def _divided(state: Mapping[str, Any], number: int) -> bool:
    """Whether every process watches, and holds as many shares as every other."""
    leases = {name: holder for name, holder in state["leases"].items() if "-member-" not in name and holder}
    each = Counter(leases.values())
    return state["watchers"] >= number and len(each) == number and set(each.values()) == {SHARDS // number}


def _ended(programs: list[Program]) -> list[Cost]:
    """Have them all end. Raises the first failure, when all have."""
    for program in programs:
        if program.alive:
            program.terminate()
    costs, failures = [], []
    for program in programs:
        try:
            costs.append(program.end(LONGEST))
        except Failed as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return costs


def _tell(section: Section, found: Mapping[int, Together], count: int) -> None:
    head = [
        "processes",
        "wall seconds",
        "CPU of all, seconds",
        "us a write",
        "CPU start to end",
        "peak RSS of each, MiB",
    ]
    rows = [
        (
            number,
            f"{each.wall:.1f}",
            f"{each.cpu:.2f}",
            f"{each.cpu / count * 1e6:.0f}",
            f"{sum(cost.cpu for cost in each.costs):.2f}",
            ", ".join(f"{cost.rss:.0f}" for cost in each.costs),
        )
        for number, each in found.items()
    ]
    section.lines += table(head, rows)
    section.lines.append(
        "Wall and CPU are of the writes alone, after the shares were divided; every process watches all objects, so "
        "what the watch costs comes once for each of them. Processes and the load server run on the "
        "cores that the machine has (see above): with two, even two processes do not have one each.\n"
    )
    section.figures |= {str(number): each.told() for number, each in found.items()}
    if found:
        panels = {
            "wall seconds": {f"{number} processes": each.wall for number, each in found.items()},
            "CPU seconds of all": {f"{number} processes": each.cpu for number, each in found.items()},
        }
        section.plots["shards"] = bars(section.title, panels, {})
