"""What the tests of the metrics share: samples read as a scrape sees them, and things to be read."""

import asyncio
from dataclasses import dataclass, field

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kubernaut.reconcile.metrics import RuntimeMetrics


def scraped(metrics: RuntimeMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name -> values by the values of its labels, in the order of their names' alphabet."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            key = tuple(value for _, value in sorted(sample.labels.items()))
            assert key not in found.setdefault(sample.name, {}), f"{sample.name} {key} is there twice"
            found[sample.name][key] = sample.value
    return found


@dataclass
class Queued:
    """A queue whose figures are set by hand."""

    adds: int = 0
    retries: int = 0
    ready: dict[int, int] = field(default_factory=dict)
    began: list[float] = field(default_factory=list)

    def depth(self) -> dict[int, int]:
        return self.ready

    def unfinished(self, now: float) -> tuple[float, float]:
        seconds = [now - began for began in self.began]
        return sum(seconds), max(seconds, default=0.0)


class Kept:
    """A store whose figures are set by hand."""

    def __init__(self, objects: int, nbytes: int) -> None:
        self.nbytes = nbytes
        self._objects = objects

    def __len__(self) -> int:
        return self._objects


@dataclass
class Informed:
    """An informer whose figures are set by hand."""

    scope: str
    store: Kept = field(default_factory=lambda: Kept(0, 0))
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    absent: bool = False
    relists: int = 0
    frames: int = 0
    errors: int = 0
    heard: float | None = None
