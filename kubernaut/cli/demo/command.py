"""The `demo` command: its options, its two clocks, its exit codes."""

from __future__ import annotations

import asyncio
import logging
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from kubernaut.cli.demo.entries import Outcome
from kubernaut.cli.demo.show import JsonScreen, Screen, TerminalScreen
from kubernaut.cli.demo.story import Scene, tell
from kubernaut.cli.manifests import InputError, Manifest, read_manifests
from kubernaut.testing.virtualtime import run_virtual

UNREADABLE = 2
"""Exit code for input that could not be read; 1 is an execution that failed, 0 that all succeeded."""

File = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", metavar="FILE", help="Manifests to load; repeatable, '-' is standard input."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of the timeline.")]
RealTime = Annotated[bool, typer.Option("--real-time", help="Let time pass as on a real cluster.")]


def demo(file: File = None, as_json: Json = False, real_time: RealTime = False) -> None:
    """Carry KubernetesExecutions out on an in-memory cluster.

    Objects in the files become the cluster's state, KubernetesExecutions are carried out. Without files a small
    cluster is used, in which a Deployment is scaled.

    Exit codes: 0 all executions succeeded, 1 one failed, 2 input that could not be read.
    """
    logging.getLogger("kubernaut").addHandler(logging.NullHandler())
    screen: Screen = JsonScreen() if as_json else TerminalScreen()
    try:
        scene = Scene.of(read_manifests(file) if file else _own_scene())
        outcome = _run(scene, screen, real_time=real_time)
    except InputError as error:
        typer.echo(f"kubernaut: {error}", err=True)
        raise typer.Exit(UNREADABLE) from None
    screen.end(outcome)
    raise typer.Exit(0 if outcome.succeeded else 1)


def _run(scene: Scene, screen: Screen, *, real_time: bool) -> Outcome:
    async def main() -> Outcome:
        return await tell(scene, screen)

    try:
        return asyncio.run(main()) if real_time else run_virtual(main)
    except BaseExceptionGroup as group:
        raise _only_input_error(group) from None


def _only_input_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The InputError among what a task group gathered, which is all a person needs to see."""
    matching = group.subgroup(InputError)
    while matching is not None:
        first = matching.exceptions[0]
        if isinstance(first, InputError):
            return first
        matching = first if isinstance(first, BaseExceptionGroup) else None
    return group


def _own_scene() -> list[Manifest]:
    data = resources.files("kubernaut.cli.demo") / "data"
    with resources.as_file(data / "cluster.yaml") as cluster, resources.as_file(data / EXAMPLE) as installed:
        example = installed if installed.exists() else _CHECKOUT / "examples" / EXAMPLE
        return read_manifests([str(cluster), str(example)])


EXAMPLE = "scale-deployment.yaml"
_CHECKOUT = Path(__file__).parents[3]
"""Where the example lies in a checkout; a wheel carries a copy beside the cluster's file."""
