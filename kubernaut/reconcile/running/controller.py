"""A controller at work: its queue, its workers, and what each reconcile is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from random import Random

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from kubernaut.client import ApiError, Conflict, Written
from kubernaut.reconcile.cache import Cache, NotCached
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
from kubernaut.reconcile.running.cluster import ClusterRun, Views
from kubernaut.reconcile.running.gate import Gate
from kubernaut.reconcile.running.notices import Notices
from kubernaut.reconcile.running.ownwrites import OwnWrites
from kubernaut.reconcile.running.sources import Attachment, reads_of, sources_of
from kubernaut.timing import Clock, current_clock

TURN = 16
"""Reconciles of one worker after which others get a turn."""
REPLAY_BATCH = 500
"""Objects handled in one go when a share of the keys is gained, before others get a turn."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """One reconcile in flight: the cluster it is for, None where there is none of the name, and what ends it alone."""

    cluster: ClusterRun | None
    scope: anyio.CancelScope


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
        self._reads = reads_of(controller)
        # caches: as this controller sees them.
        self._caches: dict[ClusterRun, Cache] = {}
        self._writes = OwnWrites(self.queue, self._log)
        self._clusters: dict[str, ClusterRun] = {}
        # sources: the controller's own kind first.
        self._sources = sources_of(controller)
        self._attachments: dict[str, list[Attachment]] = {}
        # active: the keys in the hands of workers.
        self._active: dict[Request, _Work] = {}
        self._finished = anyio.Event()
        self._notices = Notices(controller.name, self._log)
        # left: the names of clusters that were removed.
        self._left: dict[str, None] = {}
        # parked: keys, with their priority, of clusters whose informers have no complete list yet. A cluster that is
        # not in here is ready.
        self._parked: dict[str, dict[Request, int]] = {}
        self._unparking: dict[str, anyio.CancelScope] = {}
        self._group: TaskGroup | None = None
        self._stopping = False

    def join(self, cluster: ClusterRun) -> None:
        """Watch what the controller needs in a cluster, and hear of its changes."""

        def add(request: Request, priority: int) -> None:
            if self._works_in(cluster):  # the informers of a cluster that was left go on for a while
                self._add(request, priority)

        self._clusters[cluster.name] = cluster
        self._left.pop(cluster.name, None)
        self._notices.joined(cluster.name)
        self._parked[cluster.name] = {}
        self._attachments[cluster.name] = [
            Attachment(source, cluster.name, cluster.cache, add, self._log)
            for source in self._sources
            if source.clusters(cluster.name)
        ]
        if self._group is not None:
            self._sync(self._group, cluster, new=True)

    def leave(self, cluster: ClusterRun) -> None:
        """Start no further reconcile for a cluster; those in flight go on."""
        if not self._works_in(cluster):
            return
        name = cluster.name
        del self._clusters[name]
        self._left[name] = None
        attachments = self._attachments.pop(name)
        self._parked.pop(name, None)
        if name in self._unparking:
            self._unparking.pop(name).cancel()
        if self._group is not None:
            self._group.start_soon(self._tell_hubs, attachments, name=f"{self.controller.name}/without {name}")

    async def left(self, cluster: ClusterRun) -> None:
        """Wait until no reconcile for a cluster is in flight."""
        while any(work.cluster is cluster for work in self._active.values()):
            await self._finished.wait()

    def cut(self, cluster: ClusterRun) -> list[Request]:
        """Cancel the reconciles in flight for a cluster, whose keys are answered."""
        found = [request for request, work in self._active.items() if work.cluster is cluster]
        for request in found:
            self._active[request].scope.cancel()
        return found

    def forget_cluster(self, cluster: ClusterRun) -> None:
        """Keep nothing of a cluster that was left."""
        self._caches.pop(cluster, None)
        self._writes.forget_cluster(cluster.cache)

    async def run(self) -> None:
        """Work until the queue is shut down; on a cluster's keys, as soon as its informers are complete."""
        async with anyio.create_task_group() as syncing:
            self._group = syncing
            try:
                for cluster in self._clusters.values():
                    self._sync(syncing, cluster, new=False)
                async with anyio.create_task_group() as workers:
                    for number in range(self.controller.max_concurrent):
                        workers.start_soon(self._work, name=f"{self.controller.name}/worker-{number}")
                if not self._stopping:
                    raise RuntimeError(f"the workers of {self.controller.name} ended though it was not stopped")
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
        await _replay(attachment for attachments in list(self._attachments.values()) for attachment in attachments)

    async def drained(self, contains: Callable[[Request], bool]) -> None:
        """Wait until no key of some is in the hands of a worker."""
        while any(contains(request) for request in self._active):
            await self._finished.wait()

    def informers(self, name: str, *, optional: bool) -> Iterator[Informer]:
        """Those of one cluster that it cannot, or can, do without."""
        for attachment in self._attachments.get(name, ()):
            if attachment.source.optional is optional:
                yield from attachment.informers

    def _works_in(self, cluster: ClusterRun) -> bool:
        return self._clusters.get(cluster.name) is cluster

    def _sync(self, group: TaskGroup, cluster: ClusterRun, *, new: bool) -> None:
        group.start_soon(self._unpark, cluster, new, name=f"{self.controller.name}/sync {cluster.name}")

    async def _unpark(self, cluster: ClusterRun, new: bool) -> None:
        """Let a cluster's keys through once every handler has been told of every object there is."""
        name = cluster.name
        if not self._works_in(cluster):
            return
        with anyio.CancelScope() as scope:
            self._unparking[name] = scope
            for informer in list(self.informers(name, optional=False)):
                await informer.synced.wait()
            for request, priority in self._parked.pop(name, {}).items():
                self.queue.add(request, priority=priority)
            del self._unparking[name]
            if new:
                await self._tell_hubs(self._attachments[name])

    async def _tell_hubs(self, attachments: Iterable[Attachment]) -> None:
        """Reconcile the objects of other clusters that are responsible for a cluster that came or went.

        Its own objects wake them only if it has any, which a new one has not.
        """
        targets = dict.fromkeys(attachment.source.to_cluster for attachment in attachments)
        hubs = [self._attachments.get(name, []) for name in targets if name is not None]
        await _replay(a for attachments in hubs for a in attachments if a.source is self._sources[0])

    def _add(self, request: Request, priority: int) -> None:
        if not self._gate.holds(request):
            return
        parked = self._parked.get(request.cluster)
        if parked is None:
            self.queue.add(request, priority=priority)
        else:
            parked[request] = max(priority, parked.get(request, priority))

    async def _work(self) -> None:
        for turn in count(1):
            try:
                if turn % TURN == 0:
                    # Nothing here waits while the queue has keys and reconciles do not: nobody else would ever run.
                    await asyncio.sleep(0)
                request = await self.queue.get()
            except QueueShutDown:
                return
            except asyncio.CancelledError:
                if not is_stray():
                    raise
                # A reconcile that is over left something armed that cancels the task it ran in.
                self._log.warning("a worker was cancelled between reconciles, by none who may: it goes on")
                continue
            with anyio.CancelScope() as scope:
                work = self._active[request] = _Work(self._clusters.get(request.cluster), scope)
                try:
                    if self._stopping:  # what is queued comes again with the first list of the next run
                        return
                    await self._handle(request, work.cluster)
                finally:
                    del self._active[request]
                    self.queue.done(request)
                    self._finished.set()
                    self._finished = anyio.Event()

    async def _handle(self, request: Request, cluster: ClusterRun | None) -> None:
        if cluster is None or not self._gate.holds(request):
            self._forget(request)
            self._writes.forget(request)
            if cluster is None and request.cluster not in self._left:
                self._notices.dropped(f"there is no cluster named {request.cluster!r}", request.cluster, request)
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
            self._forget(request)
            self._log.info("reconcile ended: its writes are no longer allowed", reason=str(error))
            return "error"
        except TerminalError as error:
            self._forget(request)
            self._metrics.terminal()
            self._log.error("reconcile failed and is not retried", error=str(error))
            return "error"
        except (RequeueError, Conflict) as error:
            self._notices.stale(request, error)
            self.queue.add_rate_limited(request, priority=priority)
            return "requeue"
        except Exception as error:
            self._notices.settled(request)
            if isinstance(error, NotCached) and self._outside(request, cluster):
                self._forget(request)
                where = f"cluster {request.cluster!r}, namespace {request.namespace!r}"
                why = f"the controller's own kind is not watched in {where}"
                self._notices.dropped(why, f"{request.cluster}/{request.namespace}", request)
                return "error"
            self._log.error("reconcile failed", error=f"{type(error).__name__}: {error}", exc_info=True)
            wait = error.retry_after if isinstance(error, ApiError) else None
            self.queue.add_rate_limited(request, priority=priority, at_least=wait or 0.0)
            return "error"
        return self._settle(request, result)

    def _forget(self, request: Request) -> None:
        """Count no failures of a key that is not retried."""
        self.queue.forget(request)
        self._notices.settled(request)

    def _outside(self, request: Request, cluster: ClusterRun) -> bool:
        """Whether the object that a typed reconciler is given cannot be read: no informer is for its namespace."""
        rt = self.controller.kind.resource_type
        namespace = request.namespace if rt.namespaced else None
        watched = any(informer.scope.covers(rt, namespace) for informer in cluster.cache.informers)
        return isinstance(self.controller.reconciler, Reconciler) and not watched

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
            # A copy: a reconcile that awaits while it goes through them must not see them change.
            clusters=Views(dict(self._clusters), lambda run: self._view(request, run)),
        )

    def _view(self, request: Request, cluster: ClusterRun) -> ClusterView:
        def observe(written: Written) -> None:
            if self._works_in(cluster):  # nothing shows what is written to one that is gone
                self._writes.observe(request, cluster.cache, written)

        manager = self.controller.manages_as(cluster.client)
        client = self._gate.client(cluster, request).observed_by(observe).managing_as(manager)
        cache = self._caches.get(cluster)
        if cache is None:
            cache = self._caches[cluster] = cluster.cache.scoped(self._reads)
        return ClusterView(cluster.name, client, cache)

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
        if result is None or result.requeue_after is None:
            self._forget(request)
            return "success"
        priority = PRIORITY_EVENT if result.priority is None else result.priority
        if result.requeue_after <= timedelta(0):  # forgetting would make a loop without back-off of it
            self.queue.add_rate_limited(request, priority=priority)
        else:
            self._forget(request)
            self.queue.add_after(request, result.requeue_after.total_seconds(), priority=priority)
        return "requeue_after"


async def _replay(attachments: Iterable[Attachment]) -> None:
    for attachment in attachments:
        for number, handle in enumerate(attachment.replays()):
            if number % REPLAY_BATCH == REPLAY_BATCH - 1:
                await checkpoint()
            handle()
