"""All rows by name, in the order of the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.bench import Bench
from benchmarks.goals import ROWS
from benchmarks.rows import burst, changes, growth, shards, small, syncs
from benchmarks.section import Section

Measure = Callable[[Bench], Section]


def _sync(number: int) -> Measure:
    return partial(syncs.measure, row=ROWS[number])


ALL: Mapping[str, Measure] = {
    **{row.name: _sync(number) for number, row in enumerate(ROWS)},
    "growth": growth.measure,
    "burst": burst.measure,
    "steady": changes.steady,
    "hour": changes.hour,
    "shards": shards.measure,
    "micro": small.measure,
}


def measure(name: str, bench: Bench) -> Section:
    """One row; it takes down how long it took. What breaks it is its result: other rows go on."""
    bench.tell(f"{name} ...")
    began = time.monotonic()
    try:
        section = ALL[name](bench)
    except Exception as error:
        bench.tell(f"  {name}: {error!r}")
        section = Section(name, name, missing=[f"{name}: {error!r}"])
    section.seconds = time.monotonic() - began
    bench.tell(f"{name}: {section.seconds:.0f} s")
    return section
