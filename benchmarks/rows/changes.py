"""Rows `steady` and `hour`: changes at a rate or as fast as they go; CPU, lag, and whether memory grows."""

from __future__ import annotations

from benchmarks.bench import Bench, said, scale
from benchmarks.measure import Cost, load_server
from benchmarks.plots import lines
from benchmarks.section import Section, short, table

RATE = 500
HOUR = 3600 * RATE
LONGEST = 400.0


def steady(bench: Bench) -> Section:
    """Changes at a rate, in real time."""
    count, seconds = bench.size(200_000, 5_000, 100), bench.size(60, 5, 1)
    title = f"{RATE} changes a second for {seconds} s, with {count:,} custom resources"
    section = Section("steady", title)
    cost = _run(bench, section, count, RATE * seconds, RATE, seconds)
    if cost is None:
        return section
    of = cost.said
    _memory(section, cost, count)
    section.lines += table(
        [
            "CPU s/s",
            "us a change",
            "lag p50, ms",
            "lag p99, ms",
            "longest lag, ms",
            "changes",
            "reconciles",
        ],
        [
            (
                f"{of['cpu'] / of['wall']:.3f}",
                f"{of['cpu'] / of['sent'] * 1e6:.0f}",
                *(short(of[each]) if each in of else "none" for each in ("p50", "p99", "longest")),
                of["sent"],
                of["reconciles"],
            )
        ],
    )
    section.lines.append("Lag: from the moment at which the server sends a change to the begin of its reconcile.\n")
    section.ratios["steady: CPU per change, us"] = of["cpu"] / of["sent"] * 1e6
    return section


def hour(bench: Bench) -> Section:
    """As many changes as an hour has, in less time."""
    count = bench.size(200_000, 5_000, 100)
    wanted, seconds = bench.size(HOUR, 20_000, 300), bench.size(120, 10, 2)
    section = Section(
        "hour", f"an hour of {RATE} changes a second, as fast as they go, with {count:,} custom resources"
    )
    cost = _run(bench, section, count, wanted, 0, seconds)
    if cost is None:
        return section
    of = cost.said
    full = bench.size(HOUR, wanted, wanted)
    share = "all" if of["sent"] >= full else f"{of['sent'] / full:.0%}"
    section.lines.append(
        f"{of['sent']:,} changes were sent in {of['wall']:.0f} s ({share} of the {full:,} wanted; {seconds} s at most "
        f"are taken), and reconciled {of['reconciles']:,} times: {of['sent'] / of['wall']:,.0f} a second, "
        f"{of['cpu'] / of['sent'] * 1e6:.0f} us CPU each.\n"
    )
    _memory(section, cost, count)
    samples = [(0.0, of["before"]), *((sent, mib) for sent, mib in of["samples"])]
    section.plots["hour"] = lines(section.title, "changes", "RSS, MiB", {"kubernaut": samples})
    return section


def _run(bench: Bench, section: Section, count: int, wanted: int, rate: int, seconds: int) -> Cost | None:
    with load_server(items=count) as server:
        argv = scale("changes", count, wanted, rate, seconds)
        cost = bench.run(section.name, argv, server, section.missing, LONGEST)
    if cost is None:
        return None
    section.figures |= said(cost)
    sent = cost.said["sent"]
    # Each key shows its last change, as far as there was one.
    touched = min(sent, count)
    expected = sum(range(sent - touched + 1, sent + 1))
    if cost.said["sum"] != expected:
        section.missing.append(f"{section.name}: it saw {cost.said['sum']} where {expected} was sent")
        return None
    return cost


def _memory(section: Section, cost: Cost, count: int) -> None:
    before, after = cost.said["before"], cost.said["after"]
    growth = after - before
    section.lines += table(
        ["objects", "RSS before, MiB", "RSS after, MiB", "growth, MiB", "growth", "peak RSS, MiB"],
        [(count, f"{before:.1f}", f"{after:.1f}", f"{growth:+.1f}", f"{growth / before:+.1%}", f"{cost.rss:.0f}")],
    )
