"""The small figures of the table: an import, the queue, one reconcile, the fake. Each program runs by itself too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.micro.row import MicroRow

__all__ = ["MicroRow", "rows"]

ROUNDS = 3


def rows(go: Path | None, quick: bool, *, rounds: int = ROUNDS, only: Sequence[str] = ()) -> list[MicroRow]:
    """Measure everything: `rounds` times (once when `quick`), each program in turn with its peers.

    `go` is the Go toolchain's command; without it the peers in Go are left out, as are others that are not there, and
    each row says why. `only`: names of rows; what measures none of them is not run. A program that fails is told on
    standard error; a row of which kubernaut's own program failed is not returned.
    """
    # Not above: the peers' interpreter, which has none of kubernaut's dependencies, imports this package.
    from benchmarks.micro.measuring import measure

    return measure(go, 1 if quick else rounds, quick=quick, only=only)
