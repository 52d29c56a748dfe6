"""The `explore` command: its options, its progress, its table, its exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kubernaut.cli.explore.loading import load_scenarios, load_schedule
from kubernaut.cli.manifests import InputError
from kubernaut.cli.target import BadTarget, BrokenCode, imports_from_here
from kubernaut.testing.exploration import Report, Scenario, Schedule, Unusable, explore, replay

FOUND, UNUSABLE = 1, 2

Given = Annotated[
    str,
    typer.Argument(metavar="MODULE:SCENARIO", help="A Scenario, or a list of them; MODULE may be a path to a file."),
]
Runs = Annotated[int, typer.Option(min=1, help="How many runs each scenario gets.")]
Seed = Annotated[int, typer.Option(min=0, help="The number of the first run; from 0 on single faults come first.")]
Seconds = Annotated[float | None, typer.Option(min=0, help="Begin no further run of a scenario after that time.")]
Replay = Annotated[
    str | None,
    typer.Option("--replay", metavar="SEED|FILE", help="Make one run again: by its number, or of what --json wrote."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the reports as JSON to stdout.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that share the work; 0: one for each core.")]


def explore_scenarios(
    target: Given,
    runs: Runs = 1000,
    seed: Seed = 0,
    seconds: Seconds = None,
    again: Replay = None,
    as_json: AsJson = False,
    workers: Workers = 0,
) -> None:
    """Run a scenario again and again, with a crash or another fault at each API call, until something does not hold.

    The runs are numbered: first each single fault at each call, then several by seed. A failure is shrunk and told with
    its timeline. The number alone gives the same run again.

    Exit codes: 0 when nothing was found, 1 when something was, 2 when what was given cannot be used.
    """
    try:
        with imports_from_here():
            scenarios = load_scenarios(target)
            which = None if again is None else load_schedule(again)
            reports = _explored(scenarios, which, runs, seed, seconds, workers, quiet=as_json)
    except (BadTarget, BrokenCode, InputError, Unusable) as error:
        typer.echo(f"kubernaut: {error}", err=True)
        raise typer.Exit(UNUSABLE) from None
    if as_json:
        typer.echo(json.dumps({"scenarios": [report.to_dict() for report in reports]}, indent=2))
    else:
        _show(reports)
    if any(report.failed for report in reports):
        raise typer.Exit(FOUND)


def _explored(
    scenarios: list[Scenario],
    which: int | Schedule | None,
    runs: int,
    seed: int,
    seconds: float | None,
    workers: int,
    *,
    quiet: bool,
) -> list[Report]:
    reports: list[Report] = []
    limit = None if seconds is None else timedelta(seconds=seconds)
    for scenario in scenarios:
        if which is not None:
            reports.append(replay(scenario, which))
            continue
        with_progress = _progress(scenario, runs, quiet)
        report = explore(scenario, runs=runs, seed=seed, limit=limit, workers=workers, progress=with_progress)
        reports.append(report)
        if not quiet and sys.stderr.isatty():
            typer.echo("\r\x1b[K", nl=False, err=True)
    return reports


def _progress(scenario: Scenario, runs: int, quiet: bool) -> Callable[[Report], None] | None:
    """One line that is written again and again, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        return None

    def show(report: Report) -> None:
        faults = sum(report.coverage.faults.values())
        text = f"{scenario.name}: {report.runs} of {runs} runs, {report.rate:.0f} a second, {faults} faults"
        typer.echo(f"\r\x1b[K{text}", nl=False, err=True)

    return show


def _show(reports: list[Report]) -> None:
    for report in reports:
        for failure in report.failures:
            typer.echo(failure.story())
            typer.echo()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("scenario", "runs", "runs/s", "single faults", "faults", "crashed at", "found"):
        table.add_column(title, justify="left" if title in ("scenario", "found") else "right", no_wrap=True)
    for report in reports:
        coverage = report.coverage
        crashed = len(coverage.calls) - len(coverage.never_crashed)
        struck = sum(coverage.faults.values())
        found = report.failures[0].violation.invariant if report.failures else "nothing"
        table.add_row(
            report.scenario,
            str(report.runs),
            f"{report.rate:.0f}",
            str(report.systematic),
            str(struck),
            f"{crashed} of {len(coverage.calls)} calls",
            found,
        )
    Console(width=120 if not sys.stdout.isatty() else None).print(table)
    for report in reports:
        if report.coverage.faults:
            faults = ", ".join(f"{name} {count}" for name, count in sorted(report.coverage.faults.items()))
            typer.echo(f"{report.scenario}: faults that struck: {faults}")
        if report.coverage.never_crashed:
            typer.echo(f"{report.scenario}: never crashed at: {', '.join(report.coverage.never_crashed)}")
