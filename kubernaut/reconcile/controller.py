"""A controller: which changes become which requests, and the workers that reconcile them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import anyio

from kubernaut.client import ApiError, Client, Conflict, Written
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.context import Context
from kubernaut.reconcile.events import EventSink
from kubernaut.reconcile.informer import Informer, Scope
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.queue import Backoff, Queue, QueueShutDown, TokenBucket
from kubernaut.reconcile.reconciler import Reconciler, RequestReconciler, TypedReconciler
from kubernaut.reconcile.result import PRIORITY_EVENT, PRIORITY_INITIAL, Request, RequeueError, Result, TerminalError
from kubernaut.reconcile.selectors import LabelsArg
from kubernaut.reconcile.store import Change, IndexFunction
from kubernaut.resources import Resource, ResourceType
from kubernaut.timing import Clock, current_clock

OWN_WRITE_BOUND = 10.0
"""Seconds after which a key whose own write has not come back is looked at again."""

PredicateFunction = Callable[[Change], bool]
Mapper = Callable[..., Iterable[Request]]


@dataclass(frozen=True)
class Watch:
    """Objects of another kind whose changes lead to requests.

    `to` is called with the object's `ObjectHead` (name, namespace, labels, annotations ...) and, if it takes a second
    argument, the cache; on an update it is asked about both states. `labels`, `fields`, `namespace` narrow the watch
    at the server. `indexes` are made on the watched kind: name -> function of the decoded object.
    """

    kind: type[Resource]
    to: Mapper
    predicates: Sequence[PredicateFunction] = ()
    labels: LabelsArg = None
    fields: LabelsArg = None
    namespace: str | None = None
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)


class Controller:
    """What to run: pure configuration, which any number of managers can run, one after the other.

    `owns`: kinds whose objects carry a controller reference to `kind`. `predicates` apply to `kind` alone; each `Watch`
    has its own. `namespace` and `labels` narrow which objects of `kind` are seen. `max_concurrent`: keys reconciled at
    once, 1 by default; one key is never reconciled twice at once. `reconcile_timeout`: a reconcile is cancelled after
    it and counts as failed; none by default. `bucket` makes an overall limit on retries.
    """

    def __init__(
        self,
        kind: type[Resource],
        reconciler: Reconciler[Any] | RequestReconciler,
        *,
        name: str | None = None,
        owns: Sequence[type[Resource]] = (),
        watches: Sequence[Watch] = (),
        predicates: Sequence[PredicateFunction] = (),
        max_concurrent: int = 1,
        reconcile_timeout: timedelta | None = None,
        namespace: str | None = None,
        labels: LabelsArg = None,
        indexes: Mapping[str, IndexFunction] | None = None,
        backoff: Backoff | None = None,
        bucket: Callable[[], TokenBucket] | None = None,
    ) -> None:
        if max_concurrent < 1:
            raise ValueError("max_concurrent must be at least 1")
        self.kind = kind
        self.reconciler = reconciler
        self.name = name or kind.resource_type.kind.lower()
        self.owns = tuple(owns)
        self.watches = tuple(watches)
        self.predicates = tuple(predicates)
        self.max_concurrent = max_concurrent
        self.reconcile_timeout = reconcile_timeout
        self.namespace = namespace
        self.labels = labels
        self.indexes = dict(indexes or {})
        self.backoff = backoff or Backoff()
        self.bucket = bucket

    @property
    def kinds(self) -> tuple[type[Resource], ...]:
        """Every kind it watches, its own first."""
        return (self.kind, *self.owns, *(watch.kind for watch in self.watches))


class ControllerRun:
    """One controller at work within one manager's run."""

    def __init__(
        self,
        controller: Controller,
        client: Client,
        cache: Cache,
        events: EventSink,
        *,
        seed: str,
        clock: Clock | None = None,
    ) -> None:
        self.controller = controller
        self.queue: Queue[Request] = Queue(
            backoff=controller.backoff,
            bucket=controller.bucket() if controller.bucket else None,
            random=Random(f"{seed}/queue/{controller.name}"),
        )
        self.informers: list[Informer] = []
        self.reconciles = 0
        self._stopping = False
        # Ends the wait for the informers: set by a stop, or by their being complete.
        self._proceed = anyio.Event()
        self._client = client
        self._clock = clock
        self._cache = cache
        self._events = events
        self._random = Random(f"{seed}/controller/{controller.name}")
        self._log = logger("kubernaut.controller").bind(controller=controller.name)
        self._reconciler: RequestReconciler = (
            TypedReconciler(controller.kind, controller.reconciler)
            if isinstance(controller.reconciler, Reconciler)
            else controller.reconciler
        )
        # writes: what each key's own reconciles wrote and some informer has still to show, by object.
        self._writes: dict[Request, dict[tuple[str, str | None, str], Written]] = {}
        # held: the write a key waits for; present while a callback for it is registered.
        self._held: dict[Request, Written] = {}

    def attach(self) -> None:
        """Join the informers that the controller needs, and hear of their changes."""
        c = self.controller
        rt = c.kind.resource_type
        self._join(Scope.of(rt, c.namespace, c.labels), self._own(c.predicates), c.kind, c.indexes)
        for kind in c.owns:
            self._join(Scope.of(kind.resource_type, c.namespace), self._mapped(owner_requests(rt), ()), kind, {})
        for watch in c.watches:
            scope = Scope.of(watch.kind.resource_type, watch.namespace, watch.labels, watch.fields)
            mapper = self._with_cache(watch.to)
            self._join(scope, self._mapped(mapper, watch.predicates), watch.kind, watch.indexes)

    async def run(self) -> None:
        """Wait until every informer is complete, then work until the queue is shut down."""
        await self._synced_or_stopped()
        async with anyio.create_task_group() as group:
            for number in range(self.controller.max_concurrent):
                group.start_soon(self._work, name=f"{self.controller.name}/worker-{number}")

    def stop(self) -> None:
        """Start no further reconcile; `run` returns when those in flight are finished."""
        self._stopping = True
        self.queue.close()
        self._proceed.set()

    async def _synced_or_stopped(self) -> None:
        async with anyio.create_task_group() as group:

            async def synced() -> None:
                for informer in self.informers:
                    await informer.synced.wait()
                self._proceed.set()

            group.start_soon(synced, name=f"{self.controller.name}/sync")
            await self._proceed.wait()
            group.cancel_scope.cancel()

    def _join(
        self,
        scope: Scope,
        handler: Callable[[Change], None],
        kind: type[Resource],
        indexes: Mapping[str, IndexFunction],
    ) -> None:
        informer = self._cache.informer(scope)
        for name, function in indexes.items():
            if not informer.store.has_index(name):
                informer.store.add_index(name, kind, function)
        informer.add_handler(handler)
        if informer not in self.informers:
            self.informers.append(informer)

    def _own(self, predicates: Sequence[PredicateFunction]) -> Callable[[Change], None]:
        def handle(change: Change) -> None:
            if all(predicate(change) for predicate in predicates):
                self._add(change.key, change)

        return self._guarded(handle)

    def _mapped(self, mapper: Mapper, predicates: Sequence[PredicateFunction]) -> Callable[[Change], None]:
        def handle(change: Change) -> None:
            if not all(predicate(change) for predicate in predicates):
                return
            states = (change.new,) if change.old is None else (change.old, change.new)
            requests = dict.fromkeys(request for stored in states for request in mapper(stored.head))
            for request in requests:
                self._add(request, change)

        return self._guarded(handle)

    def _add(self, request: Request, change: Change) -> None:
        self.queue.add(request, priority=PRIORITY_INITIAL if change.initial else PRIORITY_EVENT)

    def _guarded(self, handle: Callable[[Change], None]) -> Callable[[Change], None]:
        """A predicate or mapper that raises must not end the informer that others share."""

        def guarded(change: Change) -> None:
            try:
                handle(change)
            except Exception:
                self._log.exception("a predicate or mapper failed: the change is lost to it", object=str(change.key))

        return guarded

    def _with_cache(self, mapper: Mapper) -> Mapper:
        try:
            inspect.signature(mapper).bind(None, None)
        except TypeError:
            return mapper
        return lambda head: mapper(head, self._cache)

    async def _work(self) -> None:
        while True:
            try:
                request = await self.queue.get()
            except QueueShutDown:
                return
            try:
                if self._stopping:  # what is queued comes again with the first list of the next run
                    return
                if not self._hold(request):
                    await self._process(request)
            finally:
                self.queue.done(request)

    def _hold(self, request: Request) -> bool:
        """Whether the cache is older than the key's own last writes; then the key comes back when it is not."""
        writes = self._writes.get(request, {})
        for which, written in list(writes.items()):
            informer = self._cache.behind(written)
            if informer is None:
                del writes[which]
                continue
            self._await_write(request, written, informer)
            return True
        self._writes.pop(request, None)
        return False

    def _await_write(self, request: Request, written: Written, informer: Informer) -> None:
        priority = self.queue.priority_of(request)
        if self._held.get(request) == written:
            self._log.info("still waiting for the key's own write", object=str(request), at=written.resource_version)
        else:
            self._held[request] = written
            informer.when_reached(written, lambda: self._release(request, written, priority))
        self.queue.add_after(request, OWN_WRITE_BOUND, priority=priority)

    def _release(self, request: Request, written: Written, priority: int) -> None:
        if self._held.get(request) == written:
            del self._held[request]
        self.queue.add(request, priority=priority)

    def _observe(self, request: Request, written: Written) -> None:
        if self._cache.watches(written):
            which = (written.resource_type.group_resource, written.namespace, written.name)
            self._writes.setdefault(request, {})[which] = written

    async def _process(self, request: Request) -> None:
        self.reconciles += 1
        log = self._log.bind(object=str(request), reconcile=self.reconciles)
        context = Context(
            client=self._client.observed_by(lambda written: self._observe(request, written)),
            cache=self._cache,
            events=self._events,
            log=log,
            clock=self._clock or current_clock(),
            random=self._random,
            request=request,
            attempt=self.queue.failures(request) + 1,
        )
        priority = self.queue.priority_of(request)
        try:
            result = await self._reconcile(request, context)
        except TerminalError as error:
            self.queue.forget(request)
            log.error("reconcile failed and is not retried", error=str(error))
        except (RequeueError, Conflict) as error:
            log.info("reconcile had a stale view: again", reason=str(error))
            self.queue.add_rate_limited(request, priority=priority)
        except Exception as error:
            log.error("reconcile failed", error=f"{type(error).__name__}: {error}", exc_info=True)
            wait = error.retry_after if isinstance(error, ApiError) else None
            self.queue.add_rate_limited(request, priority=priority, at_least=wait or 0.0)
        else:
            self._settle(request, result)

    async def _reconcile(self, request: Request, context: Context) -> Result | None:
        timeout = self.controller.reconcile_timeout
        try:
            with anyio.fail_after(timeout.total_seconds() if timeout else None):
                return await self._reconciler.reconcile(request, context)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this worker: the reconciler let a cancellation of its own escape.
            raise RuntimeError("the reconcile raised CancelledError though it was not cancelled") from None

    def _settle(self, request: Request, result: Result | None) -> None:
        self.queue.forget(request)
        if result is not None and result.requeue_after is not None:
            priority = PRIORITY_EVENT if result.priority is None else result.priority
            self.queue.add_after(request, result.requeue_after.total_seconds(), priority=priority)


def owner_requests(owner: ResourceType) -> Mapper:
    """A mapper from an object to its controller, where that is of the kind `owner`."""

    def to(head: Any) -> list[Request]:
        reference = head.controller_owner
        if reference is None or reference.kind != owner.kind:
            return []
        if reference.api_version.rpartition("/")[0] != owner.group:
            return []
        return [Request(head.namespace if owner.namespaced else None, reference.name)]

    return to
