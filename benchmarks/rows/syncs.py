"""Rows `sync`, `status` and `pods`: what a program takes from its start until each object was seen (and written)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.bench import Bench, said
from benchmarks.goals import Goal, Row
from benchmarks.measure import Cost, LoadServer, load_server, median
from benchmarks.peers import OURS
from benchmarks.plots import bars
from benchmarks.section import Check, Section, table

LONGEST = 240.0
"""kopf takes more than a minute for its 20,000 writes."""

Costs = Mapping[str, Cost]


def measure(bench: Bench, row: Row) -> Section:
    """The row's whole section."""
    count = bench.size(row.count, row.quick, 40)
    pods = row.mode == "pods"
    section = Section(row.name, row.title.format(count=f"{count:,}"))
    wanted = [name for name in bench.programs if name == OURS or name in row.goals]
    section.missing += [f"{peer}: it is not on this machine" for peer in row.goals if peer not in bench.programs]
    with load_server(items=0 if pods else count, pods=count if pods else 0) as server:
        compare(section, row, count, _medians(bench, row, count, wanted, server, section))
    return section


def _medians(
    bench: Bench, row: Row, count: int, names: Iterable[str], server: LoadServer, section: Section
) -> dict[str, Cost]:
    """The costs of every program, interleaved: whatever the machine does meanwhile, it does to all."""
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(max(bench.rounds_of(name, row.rounds) for name in costs)):
        for name, found in costs.items():
            if number >= bench.rounds_of(name, row.rounds):
                continue
            server.control("items/reset")
            label = f"{row.name} {number + 1} {name}"
            cost = bench.run(label, bench.programs[name](row.mode, count), server, section.missing, LONGEST)
            if cost is not None and _done(cost, count, row, server, section):
                found.append(cost)
    return {name: median(found) for name, found in costs.items() if found}


def _done(cost: Cost, count: int, row: Row, server: LoadServer, section: Section) -> bool:
    """Whether the work was done: all were seen, and written where they are to be."""
    written = server.control("items/state")["patched"] if row.mode == "patch" else count
    if cost.said["seen"] == count and written >= count:
        return True
    section.missing.append(f"{row.name}: {cost.said['seen']} of {count} were seen, {written} written")
    return False


def compare(section: Section, row: Row, count: int, costs: Costs) -> None:
    """Add a comparison of medians to a section: the table, the checks and the plot."""
    head = ["program", "CPU seconds", "peak RSS, MiB", "wall seconds"]
    cells = [(name, f"{cost.cpu:.2f}", f"{cost.rss:.0f}", f"{cost.wall:.1f}") for name, cost in costs.items()]
    section.lines += table(head, cells)
    section.figures[str(count)] = {name: said(cost) for name, cost in costs.items()}
    ours = costs.get(OURS)
    goals = {name: goal for name, goal in row.goals.items() if name in costs}
    if ours is None:
        return
    section.ratios[f"{row.name}: CPU per object, us"] = ours.cpu / count * 1e6
    if goals:
        against = [_against(name, ours, costs[name], goal) for name, goal in goals.items()]
        section.lines += table(["kubernaut against", "CPU", "goal", "RSS", "goal"], against)
    for name, goal in goals.items():
        section.checks += _checks(section, f"{row.name}, {count:,} objects", name, ours, costs[name], goal)
    section.plots[row.name] = _plot(section.title, costs, goals)


def _against(name: str, ours: Cost, theirs: Cost, goal: Goal) -> tuple[str, ...]:
    cpu, rss = ours.cpu / theirs.cpu, ours.rss / theirs.rss
    return (name, *_share(cpu, goal.cpu), *_share(rss, goal.rss))


def _share(found: float, goal: float | None) -> tuple[str, str]:
    if goal is None:
        return f"{found:.2f}", ""
    return f"{found:.2f} {'met' if found <= goal else 'NOT met'}", f"{goal:.2f}"


def _checks(section: Section, what: str, name: str, ours: Cost, theirs: Cost, goal: Goal) -> list[Check]:
    cpu, rss = ours.cpu / theirs.cpu, ours.rss / theirs.rss
    section.ratios[f"{section.name}: CPU against {name}"] = cpu
    section.ratios[f"{section.name}: RSS against {name}"] = rss
    pairs = [("CPU", cpu, goal.cpu), ("peak RSS", rss, goal.rss)]
    return [
        Check(f"{what}: {figure} against {name}", found, limit) for figure, found, limit in pairs if limit is not None
    ]


def _plot(title: str, costs: Costs, goals: Mapping[str, Goal]) -> str:
    limits: dict[str, dict[str, float]] = {"CPU seconds": {}, "peak RSS, MiB": {}}
    for name, goal in goals.items():
        if goal.cpu is not None:
            limits["CPU seconds"][name] = goal.cpu * costs[name].cpu
        if goal.rss is not None:
            limits["peak RSS, MiB"][name] = goal.rss * costs[name].rss
    cpu, rss = ({name: getattr(cost, key) for name, cost in costs.items()} for key in ("cpu", "rss"))
    return bars(title, {"CPU seconds": cpu, "peak RSS, MiB": rss}, limits)
