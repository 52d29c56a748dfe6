"""A controller at work: its queue, its workers, and what each reconcile is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from random import Random

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from kubernaut.client import ApiError, Conflict, Written
from kubernaut.reconcile.context import ClusterView, Context
from kubernaut.reconcile.controller import Controller
from kubernaut.reconcile.election import LeadershipLost, NotLeading
from kubernaut.reconcile.groups import only_error
from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.log import bound, logger
from kubernaut.reconcile.metrics import ControllerMetrics
from kubernaut.reconcile.queue import Queue, QueueShutDown
from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler, TypedReconciler
from kubernaut.reconcile.result import PRIORITY_EVENT, Request, RequeueError, Result, TerminalError
from kubernaut.reconcile.running.cancellation import is_stray, surface
from kubernaut.reconcile.running.cluster import ClusterRun
from kubernaut.reconcile.running.gate import Gate
from kubernaut.reconcile.running.ownwrites import OwnWrites
from kubernaut.reconcile.running.sources import Attachment, sources_of
from kubernaut.timing import Clock, current_clock

REPLAY_BATCH = 500
"""Objects handled in one go when a share of the keys is gained, before others get a turn."""


class ControllerRun:
    """One controller within one manager's run."""

    def __init__(
        self, controller: Controller, gate: Gate, metrics: ControllerMetrics, *, seed: str, clock: Clock | None = None
    ) -> None:
        self.controller = controller
        self._metrics = metrics
        self.queue: Queue[Request] = Queue(
            backoff=controller.backoff,
            bucket=controller.bucket() if controller.bucket else None,
            random=Random(f"{seed}/queue/{controller.name}"),
            on_queue_time=metrics.queue_time,
            on_work_time=metrics.work_time,
        )
        self._gate = gate
        self._clock = clock
        self._random = Random(f"{seed}/controller/{controller.name}")
        self._ids = Random(f"{seed}/ids/{controller.name}")
        self._log = logger("kubernaut.controller")
        self._reconciler: RequestReconciler = (
            TypedReconciler(controller.kind, controller.reconciler)
            if isinstance(controller.reconciler, Reconciler)
            else controller.reconciler
        )
        self._writes = OwnWrites(self.queue, self._log)
        self._clusters: dict[str, ClusterRun] = {}
        self._attachments: dict[str, list[Attachment]] = {}
        # active: the keys in the hands of workers.
        self._active: dict[Request, None] = {}
        self._finished = anyio.Event()
        # parked: keys, with their priority, of clusters whose informers have no complete list yet. A cluster that is
        # not in here is ready.
        self._parked: dict[str, dict[Request, int]] = {}
        self._unparking: dict[str, anyio.CancelScope] = {}
        self._group: TaskGroup | None = None
        self._stopping = False

    def join(self, cluster: ClusterRun) -> None:
        """Watch what the controller needs in a cluster, and hear of its changes."""
        self._clusters[cluster.name] = cluster
        self._parked[cluster.name] = {}
        self._attachments[cluster.name] = [
            Attachment(source, cluster.name, cluster.cache, self._add, self._log)
            for source in sources_of(self.controller)
            if source.clusters(cluster.name)
        ]
        if self._group is not None:
            self._group.start_soon(self._unpark, cluster.name, name=f"{self.controller.name}/sync {cluster.name}")

    async def leave(self, name: str) -> None:
        """Start no further reconcile for a cluster, and wait for those in flight."""
        cluster = self._clusters.pop(name, None)
        self._attachments.pop(name, None)
        self._parked.pop(name, None)
        if name in self._unparking:
            self._unparking.pop(name).cancel()
        await self.drained(lambda request: request.cluster == name)
        if cluster is not None:
            self._writes.forget_cluster(cluster.cache)

    async def run(self) -> None:
        """Work until the queue is shut down; on a cluster's keys, as soon as its informers are complete."""
        async with anyio.create_task_group() as syncing:
            self._group = syncing
            try:
                for name in self._clusters:
                    syncing.start_soon(self._unpark, name, name=f"{self.controller.name}/sync {name}")
                async with anyio.create_task_group() as workers:
                    for number in range(self.controller.max_concurrent):
                        workers.start_soon(self._work, name=f"{self.controller.name}/worker-{number}")
            finally:
                self._group = None
            syncing.cancel_scope.cancel()

    def stop(self) -> None:
        """Start no further reconcile; `run` returns when those in flight are finished."""
        self._stopping = True
        self.queue.close()

    @property
    def busy(self) -> bool:
        """Whether a reconcile is in flight."""
        return bool(self._active)

    async def replay(self) -> None:
        """Handle every object that is there as one found in a first list: keys were gained, which the gate knows."""
        for attachments in list(self._attachments.values()):
            for attachment in attachments:
                for number, handle in enumerate(attachment.replays()):
                    if number % REPLAY_BATCH == REPLAY_BATCH - 1:
                        await checkpoint()
                    handle()

    async def drained(self, contains: Callable[[Request], bool]) -> None:
        """Wait until no key of some is in the hands of a worker."""
        while any(contains(request) for request in self._active):
            await self._finished.wait()

    def informers(self, name: str, *, optional: bool) -> Iterator[Informer]:
        """Those of one cluster that it cannot, or can, do without."""
        for attachment in self._attachments.get(name, ()):
            if attachment.source.optional is optional:
                yield from attachment.informers

    async def _unpark(self, name: str) -> None:
        """Let a cluster's keys through once every handler has been told of every object there is."""
        with anyio.CancelScope() as scope:
            self._unparking[name] = scope
            for informer in list(self.informers(name, optional=False)):
                await informer.synced.wait()
            for request, priority in self._parked.pop(name, {}).items():
                self.queue.add(request, priority=priority)

    def _add(self, request: Request, priority: int) -> None:
        if not self._gate.holds(request):
            return
        parked = self._parked.get(request.cluster)
        if parked is None:
            self.queue.add(request, priority=priority)
        else:
            parked[request] = max(priority, parked.get(request, priority))

    async def _work(self) -> None:
        while True:
            try:
                request = await self.queue.get()
            except QueueShutDown:
                return
            self._active[request] = None
            try:
                if self._stopping:  # what is queued comes again with the first list of the next run
                    return
                await self._handle(request)
            finally:
                del self._active[request]
                self.queue.done(request)
                self._finished.set()
                self._finished = anyio.Event()

    async def _handle(self, request: Request) -> None:
        cluster = self._clusters.get(request.cluster)
        if cluster is None or not self._gate.holds(request):
            self.queue.forget(request)
            self._writes.forget(request)
            return
        if self._writes.hold(request):
            return
        self._metrics.started()
        try:
            reconcile_id = f"{self._ids.getrandbits(128):032x}"
            name = self.controller.name
            with bound(controller=name, object=request, cluster=request.cluster, reconcile_id=reconcile_id):
                await self._process(request, cluster)
        finally:
            self._metrics.ended()

    async def _process(self, request: Request, cluster: ClusterRun) -> None:
        began = asyncio.get_running_loop().time()
        outcome = await self._outcome(request, cluster)
        self._metrics.observe(outcome, asyncio.get_running_loop().time() - began)

    async def _outcome(self, request: Request, cluster: ClusterRun) -> str:
        """Reconcile, arrange what follows, and answer what it came to."""
        priority = self.queue.priority_of(request)
        try:
            result = await self._reconcile(request, self._context(request, cluster))
        except (NotLeading, LeadershipLost) as error:
            # Somebody else's key by now; should it become ours again, it comes back with the replay.
            self.queue.forget(request)
            self._log.info("reconcile ended: its writes are no longer allowed", reason=str(error))
            return "error"
        except TerminalError as error:
            self.queue.forget(request)
            self._metrics.terminal()
            self._log.error("reconcile failed and is not retried", error=str(error))
            return "error"
        except (RequeueError, Conflict) as error:
            self._log.info("reconcile had a stale view: again", reason=str(error))
            self.queue.add_rate_limited(request, priority=priority)
            return "requeue"
        except Exception as error:
            self._log.error("reconcile failed", error=f"{type(error).__name__}: {error}", exc_info=True)
            wait = error.retry_after if isinstance(error, ApiError) else None
            self.queue.add_rate_limited(request, priority=priority, at_least=wait or 0.0)
            return "error"
        return self._settle(request, result)

    def _context(self, request: Request, cluster: ClusterRun) -> Context:
        own = self._view(request, cluster)
        return Context(
            client=own.client,
            cache=own.cache,
            events=cluster.recorder.named(self.controller.name),
            log=self._log,
            clock=self._clock or current_clock(),
            random=self._random,
            request=request,
            attempt=self.queue.failures(request) + 1,
            clusters=_Views(self._clusters, lambda run: self._view(request, run)),
        )

    def _view(self, request: Request, cluster: ClusterRun) -> ClusterView:
        def observe(written: Written) -> None:
            self._writes.observe(request, cluster.cache, written)

        client = self._gate.client(cluster, request).observed_by(observe)
        return ClusterView(cluster.name, client, cluster.cache)

    async def _reconcile(self, request: Request, context: Context) -> Result | None:
        try:
            result = await self._within_timeout(request, context)
            await surface()
        except asyncio.CancelledError:
            if not is_stray():
                raise
            # Nobody cancelled this worker: the reconciler let a cancellation of its own escape.
            self._metrics.panic()
            raise RuntimeError("the reconcile raised CancelledError though it was not cancelled") from None
        except ExceptionGroup as group:
            raise only_error(group) from None
        if result is not None and not isinstance(result, Result):
            self._metrics.panic()
            raise TypeError(f"the reconcile returned {result!r}: it must return a Result or None")
        return result

    async def _within_timeout(self, request: Request, context: Context) -> Result | None:
        timeout = self.controller.reconcile_timeout
        if timeout is None:
            return await self._reconciler.reconcile(request, context)
        try:
            with anyio.fail_after(timeout.total_seconds()) as scope:
                return await self._reconciler.reconcile(request, context)
        except TimeoutError:
            if not scope.cancelled_caught:  # a time-out within the reconcile
                raise
            self._metrics.timeout()
            raise TimeoutError(f"the reconcile was cut off by its time-out of {timeout}") from None

    def _settle(self, request: Request, result: Result | None) -> str:
        self.queue.forget(request)
        if result is None or result.requeue_after is None:
            return "success"
        priority = PRIORITY_EVENT if result.priority is None else result.priority
        self.queue.add_after(request, result.requeue_after.total_seconds(), priority=priority)
        return "requeue_after"


class _Views(Mapping[str, ClusterView]):
    """The clusters of a manager as one reconcile sees them, made when they are asked for."""

    def __init__(self, clusters: Mapping[str, ClusterRun], view: Callable[[ClusterRun], ClusterView]) -> None:
        self._clusters = clusters
        self._view = view

    def __getitem__(self, name: str) -> ClusterView:
        return self._view(self._clusters[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._clusters)

    def __len__(self) -> int:
        return len(self._clusters)
