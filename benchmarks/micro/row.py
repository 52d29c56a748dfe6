"""One line of the table of small figures, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures that programs say, by its `key` in their JSON, and its goal.

    `goals`: kubernaut's at most this many times the peer's; at least, where `more` is better. `most`: kubernaut's at
    most, whatever the peers'. A peer without a goal is shown all the same.
    """

    name: str
    title: str
    unit: str
    key: str
    goals: Mapping[str, float] = field(default_factory=dict)
    most: float | None = None
    scale: float = 1.0
    more: bool = False

    def row(self, ours: float, peers: Mapping[str, float], left_out: Mapping[str, str]) -> MicroRow:
        """The line, of medians as the programs said them."""
        scaled = {name: value * self.scale for name, value in peers.items()}
        return MicroRow(
            self.name, self.title, self.unit, ours * self.scale, scaled, self.goals, self.most, self.more, left_out
        )


@dataclass(frozen=True, slots=True)
class MicroRow:
    """Medians of one figure, kubernaut's and each peer's; `left_out`: why a peer is not among them."""

    name: str
    title: str
    unit: str
    ours: float
    peers: Mapping[str, float]
    goals: Mapping[str, float]
    most: float | None = None
    more: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)

    def ratio(self, peer: str) -> float:
        """Kubernaut's figure as a share of a peer's."""
        return self.ours / self.peers[peer]

    @property
    def met(self) -> bool | None:
        """Whether every goal that could be judged is met; None where none could be."""
        found = [
            self.ratio(peer) >= goal if self.more else self.ratio(peer) <= goal
            for peer, goal in self.goals.items()
            if peer in self.peers
        ]
        if self.most is not None:
            found.append(self.ours <= self.most)
        return all(found) if found else None
