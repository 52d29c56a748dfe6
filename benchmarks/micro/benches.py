"""What is compared with what: programs, counts and goals of the small figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.micro.bodies import bodies
from benchmarks.micro.row import Figure
from benchmarks.peers import PEERS

ASSETS = "KUBEBUILDER_ASSETS"
OURS = "kubernaut"
CLIENT_GO, CONTROLLER_RUNTIME, REAL = "client-go", "controller-runtime", "kube-apiserver"
NO_GO = "there is no Go toolchain"
QUICK = 10
"""By how much smaller the counts of a quick run are."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Programs that are run in turns, kubernaut's first, and the figures that they say.

    `same` are those that all must say alike, for then they have done the same. `left_out`: why a peer is not there.
    """

    programs: Mapping[str, Sequence[str]]
    figures: Sequence[Figure]
    same: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def benches(binaries: Path | None, folder: Path, *, quick: bool) -> list[Bench]:
    """All of them. `binaries`: the folder of Go's programs, None without; `folder` takes what programs read."""
    share = QUICK if quick else 1
    return [
        _imports(2 if quick else 5),
        _queue(binaries, 200_000 // share),
        _own("request", "own", "a reconcile that does nothing, metrics and logs on", 20_000 // share, most=40.0),
        _own("typed", "own-typed", "the same with the decoded object of 3.2 KB", 20_000 // share),
        _fake(binaries, folder, "items", "custom resource", 3_000 // share),
        _fake(binaries, folder, "pods", "Pod", 1_000 // share),
        _http(binaries, 3_000 // share),
    ]


def program(name: str, *arguments: object, interpreter: str | Path = sys.executable) -> list[str]:
    return [str(interpreter), "-m", f"benchmarks.micro.{name}", *map(str, arguments)]


def _imports(times: int) -> Bench:
    python = PEERS / "bin" / "python"
    programs = {OURS: program("imports", "kubernaut", times)}
    left_out = {}
    for name, face in (("kopf", "kopf"), ("kubernetes-asyncio", "kubernetes_asyncio")):
        if python.exists():
            programs[name] = program("imports", face, times, interpreter=python)
        else:
            left_out[name] = "the peers are not installed"
    figure = Figure("imports", "import of the runtime and the client", "s CPU", "cpu", {"kopf": 1 / 2})
    return Bench(programs, [figure], left_out=left_out)


def _queue(binaries: Path | None, count: int) -> Bench:
    keys = 1_000
    programs = {OURS: program("queue", count, keys)}
    if binaries is not None:
        programs[CLIENT_GO] = [str(binaries / "queue"), str(count), str(keys)]
    title = f"queue: add, get, forget and done of an item, in bursts of {keys:,} keys"
    figure = Figure("queue", title, "us CPU", "cpu_us", {CLIENT_GO: 4.0})
    return Bench(programs, [figure], ("items", "left", "sum"), _without(binaries, CLIENT_GO))


def _own(mode: str, name: str, title: str, count: int, most: float | None = None) -> Bench:
    programs = {OURS: program("own", mode, count, min(1_000, count))}
    return Bench(programs, [Figure(name, title, "us CPU", "cpu_us", most=most)])


def _fake(binaries: Path | None, folder: Path, kind: str, what: str, count: int) -> Bench:
    programs = {OURS: program("fake", kind, count)}
    if binaries is not None:
        file = folder / kind
        file.write_bytes(b"\n".join(bodies(kind, count)))
        programs[CONTROLLER_RUNTIME] = [str(binaries / "fakeclient"), kind, str(file)]
    suffix = "" if kind == "items" else f"-{kind}"

    def figure(verb: str, goal: float, title: str, unit: str = "us CPU", scale: float = 1.0) -> Figure:
        goals = {CONTROLLER_RUNTIME: goal}
        return Figure(
            f"fake-{verb}{suffix}", f"fake in process, {what}: {title}", unit, f"{verb}_cpu_us", goals, scale=scale
        )

    figures = [
        figure("create", 1 / 10, "create"),
        figure("get", 2.0, "get"),
        figure("status", 1 / 10, "status patch"),
        figure("list", 1 / 2, f"list of {count:,}", "ms CPU", 1e-3),
    ]
    same = ("objects", "sum", "patched", "listed")
    return Bench(programs, figures, same, _without(binaries, CONTROLLER_RUNTIME))


def _http(binaries: Path | None, count: int) -> Bench:
    client = [str(binaries / "httpload")] if binaries is not None else []
    programs = {OURS: program("fakehttp", "kubernaut", count, *client)}
    left_out = {}
    if os.environ.get(ASSETS):
        programs[REAL] = program("fakehttp", "kube-apiserver", count, *client)
    else:
        left_out[REAL] = f"{ASSETS} is not set"
    title = "fake over HTTP: creates over 32 connections"
    figure = Figure("http", title, "a second", "per_second", {REAL: 1.0}, more=True)
    return Bench(programs, [figure], ("created", "stored"), left_out)


def _without(binaries: Path | None, peer: str) -> dict[str, str]:
    return {} if binaries is not None else {peer: NO_GO}
