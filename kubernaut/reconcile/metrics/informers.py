"""The informers' figures, read when scraped: how much they hold, and how old their view of the server can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import Metric

from kubernaut.reconcile.metrics.series import counter, gauge

__all__ = ["InformerFigures", "InformerReader", "StoreFigures", "informer_families"]


class StoreFigures(Protocol):
    """What is read of an informer's store."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...

    def __len__(self) -> int:
        """Objects held."""
        ...


class InformerFigures(Protocol):
    """What is read of an informer."""

    @property
    def scope(self) -> object:
        """What it watches; its text is the label `informer`."""
        ...

    @property
    def store(self) -> StoreFigures:
        """Where it keeps the objects."""
        ...

    @property
    def synced(self) -> asyncio.Event:
        """Set once it has read a complete list."""
        ...

    @property
    def absent(self) -> bool:
        """The server does not know the kind at present."""
        ...

    @property
    def relists(self) -> int:
        """Complete lists read after the first."""
        ...

    @property
    def frames(self) -> int:
        """Watch events and bookmarks received."""
        ...

    @property
    def errors(self) -> int:
        """Lists and watches that failed, and objects that could not be read."""
        ...

    @property
    def heard(self) -> float | None:
        """Loop time at which the server last told something: a page, an event, a bookmark. None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class InformerReader:
    """The informers of one cluster, and the clock that `heard` is read on."""

    informers: Callable[[], Iterable[InformerFigures]]
    now: Callable[[], float]


def informer_families(clusters: Mapping[str, InformerReader]) -> Iterator[Metric]:
    """The families `kubernaut_informer_*` of all informers there are at this moment."""
    labels = ("cluster", "informer")
    prefix = "kubernaut_informer_"
    objects = gauge(f"{prefix}objects", "Objects in the informer's store", labels)
    size = gauge(f"{prefix}store_bytes", "Bytes of objects in the informer's store", labels)
    synced = gauge(f"{prefix}synced", "1 when the informer has read a complete list of a kind that is served", labels)
    relists = counter(f"{prefix}relists_total", "Complete lists read after the first", labels)
    frames = counter(f"{prefix}frames_total", "Watch events and bookmarks received", labels)
    errors = counter(f"{prefix}errors_total", "Lists and watches that failed, and objects that were unreadable", labels)
    lag = gauge(
        f"{prefix}lag_seconds",
        "Seconds since the server last told the informer something: its view is at most this old (idle streams get a "
        "bookmark every minute or two)",
        labels,
    )
    for cluster, reader in list(clusters.items()):
        now = reader.now()
        for informer in reader.informers():
            key = (cluster, str(informer.scope))
            objects.add_metric(key, len(informer.store))
            size.add_metric(key, informer.store.nbytes)
            synced.add_metric(key, informer.synced.is_set() and not informer.absent)
            relists.add_metric(key, informer.relists)
            frames.add_metric(key, informer.frames)
            errors.add_metric(key, informer.errors)
            if informer.heard is not None:
                lag.add_metric(key, max(0.0, now - informer.heard))
    yield from (objects, size, synced, relists, frames, errors, lag)
