"""The `demo` command: its options, its two clocks, its exit codes."""

from __future__ import annotations

import asyncio
import logging
import sys
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kubernaut.cli.demo.entries import Outcome
from kubernaut.cli.demo.files import Scene
from kubernaut.cli.demo.machinery import DATA
from kubernaut.cli.demo.pacing import Pace
from kubernaut.cli.demo.playing import data_file, play_scenario, play_scene
from kubernaut.cli.demo.scenarios import DEFAULT, SCENARIOS
from kubernaut.cli.demo.show import JsonScreen, Screen
from kubernaut.cli.demo.terminal import TerminalScreen
from kubernaut.cli.manifests import InputError, Manifest, read_manifests
from kubernaut.testing.virtualtime import run_virtual

UNREADABLE = 2
"""Exit code for input that could not be read; 1 is what did not end as told, 0 what did."""
SCALE, LIST = "scale", "list"
ABOUT_SCALE = "one action alone: a KubernetesExecution scales production/api-server from 2 to 5 replicas"
EXAMPLE = "scale-deployment.yaml"
_CHECKOUT = Path(__file__).parents[3]
"""Where the example lies in a checkout; a wheel carries a copy beside the cluster's file."""

Story = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which story; as --scenario.", show_default=False)]
File = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", metavar="FILE", help="Manifests to load; repeatable, '-' is standard input."),
]
Name = Annotated[
    str | None, typer.Option("--scenario", "-s", metavar="NAME", help="Which story; 'list' shows what there is.")
]
List = Annotated[bool, typer.Option("--list", help="Show the scenarios.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of the timeline.")]
Fast = Annotated[bool, typer.Option("--fast", help="Without pauses to read; so it is anyway outside of a terminal.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every condition and Event, and the tree's details.")]
Approve = Annotated[bool, typer.Option("--approve", help="With -f: somebody approves whatever has to be.")]
RealTime = Annotated[bool, typer.Option("--real-time", help="Let time pass as on a real cluster.")]


def demo(
    story: Story = None,
    file: File = None,
    scenario: Name = None,
    show_list: List = False,
    as_json: Json = False,
    fast: Fast = False,
    verbose: Verbose = False,
    approve: Approve = False,
    real_time: RealTime = False,
) -> None:
    """Heal a cluster in memory, from the alert to the healthy workload.

    Without options a release crashes, and is rolled back. With a NAME another story. With files: objects in them
    become the cluster's state; RemediationRequests, WorkflowExecutions and KubernetesExecutions are carried out.

    Exit codes: 0 it ended as told (with files: all succeeded), 1 it did not, 2 input that could not be read.
    """
    logging.getLogger("kubernaut").addHandler(logging.NullHandler())
    if story is not None and scenario is not None:
        _unreadable(f"{story}: not together with --scenario")
    scenario = scenario or story
    if show_list or scenario == LIST:
        _print_list()
        raise typer.Exit
    if file and scenario is not None:
        _unreadable("a scenario: not together with --file")
    if approve and not file:
        _unreadable("--approve: only with --file")
    name = scenario or DEFAULT
    if name != SCALE and name not in SCENARIOS:
        _unreadable(_no_such(name))
    try:
        outcome = _run(name, file, _screen(as_json, fast or real_time, verbose), approve, real_time)
    except InputError as error:
        _unreadable(str(error))
    raise typer.Exit(0 if outcome.succeeded else 1)


def _no_such(name: str) -> str:
    known = (*SCENARIOS, SCALE)
    close = get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"there is no scenario {name!r}; {meant}there is {', '.join(known)}"


def _screen(as_json: bool, fast: bool, verbose: bool) -> Screen:
    if as_json:
        return JsonScreen()
    return TerminalScreen(pace=None if fast or not sys.stdout.isatty() else Pace(), verbose=verbose)


def _run(name: str, file: list[str] | None, screen: Screen, approve: bool, real_time: bool) -> Outcome:
    scene = Scene.of(read_manifests(file) if file else scale_scene()) if file or name == SCALE else None

    async def main() -> Outcome:
        if scene is None:
            return await play_scenario(SCENARIOS[name], screen)
        if not file:
            screen.heading(SCALE, ABOUT_SCALE)
        return await play_scene(scene, screen, approve=approve)

    try:
        outcome = asyncio.run(main()) if real_time else run_virtual(main)
    except BaseExceptionGroup as group:
        raise _only_input_error(group) from None
    screen.end(outcome)
    return outcome


def _only_input_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The InputError among what a task group gathered, which is all a person needs to see."""
    matching = group.subgroup(InputError)
    while matching is not None:
        first = matching.exceptions[0]
        if isinstance(first, InputError):
            return first
        matching = first if isinstance(first, BaseExceptionGroup) else None
    return group


def scale_scene() -> list[Manifest]:
    """A small cluster, and the example that scales a Deployment in it."""
    with resources.as_file(DATA / EXAMPLE) as installed:
        example = installed if installed.exists() else _CHECKOUT / "examples" / EXAMPLE
        return [*data_file("cluster.yaml"), *read_manifests([str(example)])]


def _print_list() -> None:
    told = {name: each.about for name, each in SCENARIOS.items()} | {SCALE: ABOUT_SCALE}
    width = max(len(name) for name in told)
    for name, about in told.items():
        typer.echo(f"{name:<{width}}  {about}{' (default)' if name == DEFAULT else ''}")


def _unreadable(text: str) -> NoReturn:
    typer.echo(f"kubernaut: {text}", err=True)
    raise typer.Exit(UNREADABLE)
