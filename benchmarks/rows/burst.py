"""Row `burst`: changes made before, sent as fast as each program reads them, until the last ones were seen."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.bench import Bench, said, scale
from benchmarks.measure import Cost, LoadServer, load_server
from benchmarks.peers import CONTROLLER_RUNTIME, KOPF, OURS
from benchmarks.plots import bars
from benchmarks.section import Check, Section, table

GOALS = {KOPF: 10.0, CONTROLLER_RUNTIME: 1.0}
"""At least so many times as many frames a second."""
SLOW_MS = 10
ROUNDS = 2
LONGEST = 240.0
SLOWLY = f"kubernaut, reconciles of {SLOW_MS} ms"

Costs = dict[str, list[Cost]]


def measure(bench: Bench) -> Section:
    """The section, programs interleaved."""
    frames, keys = bench.size(100_000, 10_000, 400), bench.size(1_000, 1_000, 40)
    section = Section("burst", f"watch burst of {frames:,} MODIFIED frames over {keys:,} keys")
    section.missing += [f"{peer}: it is not on this machine" for peer in GOALS if peer not in bench.programs]
    programs = {name: [*argv("burst", keys), str(frames)] for name, argv in bench.programs.items() if name != OURS}
    programs = {OURS: scale("burst", keys, frames, 0), **programs, SLOWLY: scale("burst", keys, frames, SLOW_MS)}
    costs: Costs = {name: [] for name in programs}
    with load_server(items=keys) as server:
        for number in range(max(bench.rounds_of(name, ROUNDS) for name in programs)):
            for name, argv in programs.items():
                if number < bench.rounds_of(name, 1 if name == SLOWLY else ROUNDS):
                    _one(bench, section, server, costs, f"burst {number + 1} {name}", name, argv, frames, keys)
    _tell(section, {name: found for name, found in costs.items() if found}, frames, keys)
    return section


def _one(
    bench: Bench,
    section: Section,
    server: LoadServer,
    costs: Costs,
    label: str,
    name: str,
    argv: Sequence[str],
    frames: int,
    keys: int,
) -> None:
    server.control("items/reset")
    server.control(f"items/prepare?frames={frames}&keys={keys}")
    cost = bench.run(label, list(argv), server, section.missing, LONGEST)
    # What each program read of the last version of every key, added up.
    expected = sum(range(frames - keys + 1, frames + 1))
    if cost is None:
        return
    if cost.said["sum"] != expected:
        section.missing.append(f"{label}: it saw {cost.said['sum']} where {expected} was sent")
        return
    costs[name].append(cost)


def _tell(section: Section, costs: Mapping[str, list[Cost]], frames: int, keys: int) -> None:
    wall = {name: frames / _median(found, "wall") for name, found in costs.items()}
    cpu = {name: frames / _median(found, "cpu") for name, found in costs.items()}
    head = [
        "program",
        "frames/s",
        "frames per CPU second",
        "CPU seconds",
        "wall seconds",
        "reconciles",
        "RSS, MiB",
    ]
    rows = [
        (
            name,
            f"{wall[name]:,.0f}",
            f"{cpu[name]:,.0f}",
            f"{_median(found, 'cpu'):.2f}",
            f"{_median(found, 'wall'):.2f}",
            f"{_median(found, 'reconciles'):,.0f}",
            f"{statistics.median(each.rss for each in found):.0f}",
        )
        for name, found in costs.items()
    ]
    section.lines += table(head, rows)
    section.lines.append(
        f"From the request for the burst, after the sync of {keys:,}, to the begin of the last key's reconcile; "
        "start-up left out, other than in the peak RSS. Reconciles of no duration keep up with the frames, so there is "
        "little to coalesce; where they take longer, a key that changed several times meanwhile is reconciled once.\n"
    )
    section.figures |= {name: [said(each) for each in found] for name, found in costs.items()}
    if OURS not in costs:
        return
    section.ratios["burst: CPU per frame, us"] = 1e6 / cpu[OURS]
    for peer, least in GOALS.items():
        if peer in costs:
            section.ratios[f"burst: wall against {peer}"] = wall[peer] / wall[OURS]
            section.ratios[f"burst: CPU against {peer}"] = cpu[peer] / cpu[OURS]
            section.checks += [
                Check(f"burst: frames/s against {peer}", wall[OURS] / wall[peer], least, at_least=True),
                Check(f"burst: frames per CPU second against {peer}", cpu[OURS] / cpu[peer], least, at_least=True),
            ]
    if SLOWLY in costs:
        ran = _median(costs[SLOWLY], "reconciles") / frames
        what = f"burst: reconciles for each frame, if they take {SLOW_MS} ms"
        section.checks.append(Check(what, ran, 0.5, note="coalesced is taken as at most half", unit=""))
    _plot(section, wall, cpu)


def _plot(section: Section, wall: Mapping[str, float], cpu: Mapping[str, float]) -> None:
    goals = {
        title: {peer: least * figures[peer] for peer, least in GOALS.items() if peer in figures}
        for title, figures in (("frames a second", wall), ("frames per CPU second", cpu))
    }
    shown = {"frames a second": _plain(wall), "frames per CPU second": _plain(cpu)}
    section.plots["burst"] = bars(section.title, shown, goals)


def _plain(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: figure for name, figure in figures.items() if name != SLOWLY}


def _median(costs: Sequence[Cost], figure: str) -> float:
    return statistics.median(float(each.said[figure]) for each in costs)
