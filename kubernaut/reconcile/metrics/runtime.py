"""All figures of one manager in one collector: what the runtime tells it, and what it reads when scraped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kubernaut.client import Transport
from kubernaut.reconcile.metrics.controllers import ControllerMetrics, controller_families
from kubernaut.reconcile.metrics.informers import InformerFigures, InformerReader, informer_families
from kubernaut.reconcile.metrics.looplag import LoopLag
from kubernaut.reconcile.metrics.queues import QueueFigures, QueueReader, queue_families
from kubernaut.reconcile.metrics.requests import MeteredTransport, RequestFigures
from kubernaut.reconcile.metrics.series import Counted, counter, gauge

__all__ = ["CertificateFigures", "RuntimeMetrics"]


class CertificateFigures(Protocol):
    """What is read of a server's certificate files."""

    @property
    def reads(self) -> int:
        """How often they were read."""
        ...

    @property
    def errors(self) -> int:
        """How often they could not be used."""
        ...


class RuntimeMetrics(Collector):
    """One manager's metrics in `registry`; in a registry of its own, with the process's metrics, when None.

    The names, types, labels and buckets are controller-runtime's wherever it has them, so that dashboards made for it
    work; what only this runtime has begins with `kubernaut_`. Counts go on over several runs of one manager. Whatever
    begins with `track_` is read at each scrape and costs nothing meanwhile; each returns the function that ends it.
    `track_queue` and `track_informers` are called on the event loop whose time the queue and the informers keep. Use
    all of it from that loop's thread; a scrape may come from another.

    Raises ValueError when `registry` has metrics of these names already, another manager's say.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.loop_lag = LoopLag()
        self._controllers: dict[str, ControllerMetrics] = {}
        self._queues: dict[str, QueueReader] = {}
        self._informers: dict[str, InformerReader] = {}
        self._requests = RequestFigures()
        self._leading: dict[str, bool] = {}
        self._events = Counted()
        self._certificates: list[tuple[Counted, Counted]] = []
        if registry is None:
            registry = CollectorRegistry()
            ProcessCollector(registry=registry)
        self.registry = registry
        try:
            registry.register(self)
        except ValueError as error:
            raise ValueError(
                f"the registry has metrics of these names already, such as {_some(error)}: "
                "give each manager a registry of its own"
            ) from None

    def close(self) -> None:
        """Take the metrics out of the registry; harmless when they are out already."""
        try:
            self.registry.unregister(self)
        except KeyError:
            return

    def controller(self, name: str, max_concurrent: int) -> ControllerMetrics:
        """The figures of the controller `name`: the same ones whenever it is asked for, with no worker active."""
        figures = self._controllers.get(name)
        if figures is None:
            figures = self._controllers[name] = ControllerMetrics(name, max_concurrent)
        figures.max_concurrent = max_concurrent
        figures.active = 0
        return figures

    def track_queue(self, name: str, queue: QueueFigures) -> Callable[[], None]:
        """Read the queue of the controller `name`, instead of the one before; counts go on from that one's."""
        return self._queues.setdefault(name, QueueReader()).follow(queue, asyncio.get_running_loop().time)

    def track_informers(self, cluster: str, informers: Callable[[], Iterable[InformerFigures]]) -> Callable[[], None]:
        """Read whatever `informers()` answers for `cluster` ("" is the manager's own)."""
        reader = self._informers[cluster] = InformerReader(informers, asyncio.get_running_loop().time)

        def end() -> None:
            if self._informers.get(cluster) is reader:
                del self._informers[cluster]

        return end

    def leader(self, name: str, leading: bool) -> None:
        """This process holds, or does not hold, the lease `name`."""
        self._leading[name] = leading

    def metered(self, transport: Transport, host: str) -> Transport:
        """A transport that counts and times the requests of `transport` to `host`."""
        return MeteredTransport(transport, host, self._requests)

    async def measure_loop_lag(self) -> None:
        """Measure the event loop's lag until cancelled; a service for the manager. Sets no timer in virtual time."""
        await self.loop_lag.run()

    def events_dropped(self, dropped: Callable[[], int]) -> Callable[[], None]:
        """Read how many Events an event recorder dropped, instead of the recorder before."""
        self._events.follow(dropped)
        return self._events.freeze

    def track_certificates(self, certificates: CertificateFigures) -> Callable[[], None]:
        """Read how often a server's certificate files were read; those of several servers are added up."""
        reads, errors = Counted(), Counted()
        reads.follow(lambda: certificates.reads)
        errors.follow(lambda: certificates.errors)
        self._certificates.append((reads, errors))

        def end() -> None:
            reads.freeze()
            errors.freeze()

        return end

    def describe(self) -> Iterator[Metric]:
        """The names, for the registry to find clashes; nothing is read."""
        yield from controller_families({})
        yield from queue_families({}, {})
        yield from self._requests.families()
        yield from informer_families({})
        yield from self.loop_lag.families()
        yield from self._manager_families()

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        yield from controller_families(self._controllers)
        yield from queue_families(self._queues, self._controllers)
        yield from self._requests.families()
        yield from informer_families(self._informers)
        yield from self.loop_lag.families()
        yield from self._manager_families()

    def _manager_families(self) -> Iterator[Metric]:
        leading = gauge(
            "leader_election_master_status",
            "Whether this process leads the lease: 0 indicates backup, 1 indicates master",
            ("name",),
        )
        for name, leads in self._leading.items():
            leading.add_metric((name,), leads)
        dropped = counter("kubernaut_events_dropped_total", "Events about objects that could not be written")
        dropped.add_metric((), self._events.total())
        reads = counter("certwatcher_read_certificate_total", "Total number of certificate reads")
        errors = counter("certwatcher_read_certificate_errors_total", "Total number of certificate reads that failed")
        reads.add_metric((), sum(read.total() for read, _ in self._certificates))
        errors.add_metric((), sum(failed.total() for _, failed in self._certificates))
        yield from (leading, dropped, reads, errors)


def _some(error: ValueError) -> str:
    # Older versions of prometheus_client only have the text, which names all of them.
    taken = sorted(getattr(error, "duplicates", ())) or [str(error)]
    return ", ".join(taken[:3])
