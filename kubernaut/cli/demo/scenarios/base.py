"""What a scenario is: how the cluster is, what its containers do, what happens, and how it has to end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kubernaut.cli.demo.entries import Ending
from kubernaut.cli.demo.stage import Stage
from kubernaut.fake import PodScript


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story that plays itself.

    `about`: it in a line. `play`: what happens, in virtual time. `expected`: how the requests end, in the order in
    which they were made. `state`: files of `data`. `containers`: what containers do, by their image; others run for
    ever. `rules`: a file of `data` with rules of analysis. `careful`: by a rule beside the
    shipped ones, whatever acts on production needs an approval.
    """

    name: str
    about: str
    play: Callable[[Stage], Awaitable[None]]
    expected: Sequence[Ending]
    state: Sequence[str] = ("cluster.yaml",)
    containers: Mapping[str, PodScript] = field(default_factory=dict)
    rules: str | None = None
    careful: bool = False


def request(phase: str, reason: str) -> Ending:
    """How a RemediationRequest ends."""
    return Ending("RemediationRequest", phase, reason)


def crashing(log: str, *, seconds: float = 6) -> PodScript:
    """A container that becomes ready, and crashes some seconds later; again and again."""
    return PodScript(exit_code=1, run_time=timedelta(seconds=seconds), log=log)
