"""The `dev` command: its options, its screen, its exit codes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from kubernaut.cli.dev.entries import Board
from kubernaut.cli.dev.observing import LogLines, Observer
from kubernaut.cli.dev.session import Options, Session
from kubernaut.cli.dev.view import screen_for
from kubernaut.cli.manifests import InputError
from kubernaut.cli.target import BadTarget, BrokenCode, Target, imports_from_here
from kubernaut.reconcile.groups import leaves
from kubernaut.reconcile.process import run_program
from kubernaut.reconcile.serving import BindError

FAILED, UNUSABLE = 1, 2

Given = Annotated[
    str, typer.Argument(metavar="MODULE:ATTR", help="A Controller, a list of them, or a function that returns these.")
]
File = Annotated[
    list[str] | None, typer.Option("--file", "-f", metavar="FILE", help="Manifests to start with; repeatable.")
]
Once = Annotated[bool, typer.Option("--once", help="End as soon as nothing happens any more.")]
For = Annotated[float | None, typer.Option("--for", metavar="SECONDS", min=0, help="End after that time.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Serve the cluster's API on this port of 127.0.0.1; 0: a free one.")
]


def dev(target: Given, file: File = None, once: Once = False, seconds: For = None, port: Port = None) -> None:
    """Run controllers on an in-memory cluster, in real time, and again whenever their files change.

    The definitions of their kinds are installed by themselves. The cluster lives on over reloads. Ctrl-C ends it.

    Exit codes: 0; with --once or --for 1 when an object's last reconcile failed or the code could not be run; 2 when
    what was given cannot be used.
    """
    options = Options(file or (), once, seconds, port)
    board = Board()
    with screen_for(board) as screen, imports_from_here(from_source=True):
        observer = Observer(board, screen.show)
        with _logs_on(observer):
            problem, session = _run(target, options, observer)
    if problem is not None:
        typer.echo(f"kubernaut: {problem}", err=True)
        raise typer.Exit(FAILED if isinstance(problem, BrokenCode) else UNUSABLE)
    if session is not None and (once or seconds is not None) and (session.broken or board.failing):
        raise typer.Exit(FAILED)


def _run(text: str, options: Options, observer: Observer) -> tuple[Exception | None, Session | None]:
    problems: list[Exception] = []
    sessions: list[Session] = []

    async def program() -> None:
        try:
            session = Session(Target.parse(text), options, observer)
            sessions.append(session)
            await session.run()
        except* (BadTarget, BrokenCode, InputError, BindError) as group:
            problems.extend(leaves(group))

    code = run_program(program)
    if code == FAILED:  # a defect of ours: the log has shown it
        raise typer.Exit(FAILED)
    return (problems[0] if problems else None), (sessions[0] if sessions else None)


@contextmanager
def _logs_on(observer: Observer) -> Iterator[None]:
    root = logging.getLogger()
    handler, level = LogLines(observer), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
