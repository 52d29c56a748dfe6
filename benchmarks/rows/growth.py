"""Row `growth`: syncs of ever more objects; what each more of them costs, and what all of them hold in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bench import Bench, said, scale
from benchmarks.measure import Cost, LoadServer, load_server
from benchmarks.peers import OURS
from benchmarks.plots import lines
from benchmarks.section import Check, Section, table

Counts = tuple[int, ...]
COUNTS: Counts = (20_000, 50_000, 100_000, 200_000)
QUICK: Counts = (2_000, 5_000, 10_000, 20_000)
SMALL: Counts = (20, 40, 80)
HELD_SECONDS = 2
SLACK = 1.25
"""Linear: the last objects cost at most so many times what the first did."""
PER_JSON = 1.5
LONGEST = 240.0


def measure(bench: Bench) -> Section:
    """The section; the load server holds all the objects, and serves the first so many."""
    counts = bench.size(COUNTS, QUICK, SMALL)
    section = Section("growth", f"growth from {counts[0]:,} to {counts[-1]:,} custom resources of 3.2 KB")
    with load_server(items=counts[-1]) as server:
        size = server.control("items/state")["bytes"]
        costs: dict[int, Cost] = {}
        for count in counts:
            server.control(f"items/serve?count={count}")
            argv = bench.programs[OURS]("noop", count)
            cost = bench.run(f"growth {count:,}", argv, server, section.missing, LONGEST)
            if cost is not None and cost.said["seen"] == count:
                costs[count] = cost
        _tell(section, costs, size)
        _hold(section, bench, server, counts[-1], size)
    return section


def _tell(section: Section, costs: Mapping[int, Cost], size: int) -> None:
    section.figures |= {"json_bytes": size, **{str(count): said(cost) for count, cost in costs.items()}}
    head = ["objects", "CPU seconds", "us each", "peak RSS, MiB", "bytes each", "x its JSON", "wall seconds"]
    rows = [
        (
            count,
            f"{cost.cpu:.2f}",
            f"{cost.cpu / count * 1e6:.0f}",
            f"{cost.rss:.0f}",
            f"{_bytes(cost) / count:,.0f}",
            f"{_bytes(cost) / count / size:.2f}",
            f"{cost.wall:.1f}",
        )
        for count, cost in costs.items()
    ]
    section.lines += table(head, rows)
    section.lines.append(
        f"The whole process, interpreter and libraries included; an object's JSON has {size:,} bytes.\n"
    )
    if len(costs) < 3:
        section.missing.append("growth: too few sizes were measured to tell whether it is linear")
        return
    _judge(section, costs, size)


def _judge(section: Section, costs: Mapping[int, Cost], size: int) -> None:
    counts = list(costs)
    first, last = counts[:2], counts[-2:]
    cpu = _more(costs, last, "cpu") / max(_more(costs, first, "cpu"), 1e-9)
    rss = _more(costs, last, "rss") / max(_more(costs, first, "rss"), 1e-9)
    per = _more(costs, [counts[0], counts[-1]], "rss") * (1 << 20) / size
    whole = _bytes(costs[counts[-1]]) / counts[-1] / size
    between = f"of each object between {last[0]:,} and {last[1]:,}, against between {first[0]:,} and {first[1]:,}"
    linear = "linear is taken as at most that"
    section.checks += [
        Check(f"growth: CPU {between}", cpu, SLACK, note=linear),
        Check(f"growth: peak RSS {between}", rss, SLACK, note=linear),
        Check("growth: peak RSS of each object more, against its JSON", per, PER_JSON),
        Check(f"growth: peak RSS of the whole process at {counts[-1]:,}, for each object", whole, PER_JSON),
    ]
    section.ratios["growth: CPU per object, us"] = _more(costs, [counts[0], counts[-1]], "cpu") * 1e6
    section.ratios["growth: RSS per object against its JSON"] = per
    section.plots["growth-rss"] = lines(
        "Peak RSS by the number of objects",
        "objects",
        "MiB",
        {
            OURS: [(count, cost.rss) for count, cost in costs.items()],
            f"goal: {PER_JSON} x their JSON": [(0, 0), (counts[-1], counts[-1] * size * PER_JSON / (1 << 20))],
        },
        dashed=[f"goal: {PER_JSON} x their JSON"],
    )
    section.plots["growth-cpu"] = lines(
        "CPU by the number of objects",
        "objects",
        "seconds",
        {OURS: [(count, cost.cpu) for count, cost in costs.items()]},
    )


def _more(costs: Mapping[int, Cost], counts: Sequence[int], figure: str) -> float:
    """What each object between two sizes takes."""
    low, high = counts
    more: float = getattr(costs[high], figure) - getattr(costs[low], figure)
    return more / (high - low)


def _hold(section: Section, bench: Bench, server: LoadServer, count: int, size: int) -> None:
    """What is in memory when the sync is over, which is less than its peak, or as much."""
    seconds = bench.size(HELD_SECONDS, 1, 0)
    cost = bench.run(f"growth {count:,} held", scale("hold", count, seconds), server, section.missing, LONGEST)
    if cost is None:
        return
    resident = cost.said["resident"]
    section.figures["held"] = said(cost)
    section.lines.append(
        f"{seconds} s after the sync of {count:,} it holds {resident:.0f} MiB (at its peak {cost.rss:.0f} MiB): "
        f"{resident * (1 << 20) / count / size:.2f} x the JSON for each object.\n"
    )


def _bytes(cost: Cost) -> float:
    return cost.rss * (1 << 20)
