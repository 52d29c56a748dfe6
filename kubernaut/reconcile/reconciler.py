"""The typed reconciler: finalizer, one status write per reconcile, conflict rule, undecodable objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import ValidationError

from kubernaut.client import Conflict, Invalid, MergePatch, NotFound, ObjectHead
from kubernaut.reconcile.before import Before, status_of, with_status
from kubernaut.reconcile.context import Context
from kubernaut.reconcile.groups import only_error
from kubernaut.reconcile.result import Request, RequeueError, Result, TerminalError
from kubernaut.resources import AnyResource, Resource, ResourceType, StatusBase, stamp_conditions

R = TypeVar("R", bound=Resource)

WRITE_TRIES = 4
"""How often a status or finalizer write is sent when others write the object at the same time."""
REMEMBERED = 4096
"""Objects remembered as over; they are forgotten when they are seen to be gone, which predicates may hide."""


@runtime_checkable
class RequestReconciler(Protocol):
    """Answers a request; the untyped seam that every controller goes through."""

    async def reconcile(self, request: Request, ctx: Context, /) -> Result | None:
        """Make the world as the object named by `request` wants it; the object may be gone.

        None or `Result()`: done. Raises TerminalError to give up until the object changes, anything else to be
        retried with back-off. May be cancelled at any await (timeout, stop); the next call starts anew.
        """
        ...


class Reconciler(ABC, Generic[R]):
    """Reconciles objects of one kind, typed.

    Guarantees: `obj` is the reconciler's own copy and no older than its own last write. With a `finalizer`, it is on
    the object before `reconcile` is first called, and goes only after `finalize` returned None. What `reconcile`
    changed in `obj.status` is written once, after it, only if it differs, and also if it raised.

    Assumptions: both methods can be repeated. An effect that the status must announce first belongs in a later
    reconcile, which has read that status back.

    Caveats: without a `finalizer`, `reconcile` is also called while the object is being deleted (look at
    `obj.metadata.deletion_timestamp`). For an object that is gone there is `gone`, and nothing else.
    """

    finalizer: ClassVar[str | None] = None

    @abstractmethod
    async def reconcile(self, obj: R, ctx: Context) -> Result | None:
        """Make the world as `obj` wants it; see `RequestReconciler.reconcile` for results and errors."""

    async def finalize(self, obj: R, ctx: Context) -> Result | None:
        """Clean up before the object goes. None: done, the finalizer is removed; a Result: call again."""
        return None

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        """Clean up after an object that no longer fits its model, by its metadata alone; as `finalize`."""
        return None

    async def gone(self, request: Request, ctx: Context) -> Result | None:
        """Clean up after an object that is not in the cache: what no owner reference reaches, and came late.

        Called for every request whose object is not there: also for one that was just deleted, and for one that is too
        new. Look at the server before anything is removed. Results and errors as of `reconcile`.
        """
        return None

    def status_unwritten(self, obj: R, error: Exception) -> None:
        """Called when the status of `obj` could not be written, for metrics; `error` is raised or logged afterwards."""


class TypedReconciler(Generic[R]):
    """Makes a `RequestReconciler` of a `Reconciler`."""

    def __init__(self, kind: type[R], reconciler: Reconciler[R]) -> None:
        self._kind = kind
        self._reconciler = reconciler
        # over: the uid under each key whose finalizer is off, or that the server says is gone, while the cache may
        # still show it. The answer need not carry the version of the deletion, so waiting for the own write is no help.
        self._over: OrderedDict[Request, str] = OrderedDict()

    async def reconcile(self, request: Request, ctx: Context, /) -> Result | None:
        try:
            raw = ctx.cache.raw(self._kind, request.name, request.namespace)
            obj = self._kind.from_json(raw)
        except NotFound:
            self._over.pop(request, None)
            return await self._reconciler.gone(request, ctx)
        except (LookupError, RequeueError):
            raise
        except Exception as error:
            # Mostly pydantic's; a validator of the user's may raise anything, and would do so for ever.
            return await self._undecodable(request, ctx, error)
        if self._is_over(request, obj.uid):
            return None
        before = Before(self._kind, raw, obj)
        finalizer = self._reconciler.finalizer
        if finalizer is None:
            return await self._run(before, obj, ctx, finalizing=False)
        present = finalizer in (obj.metadata.finalizers or ())
        if obj.metadata.deletion_timestamp is not None:
            return await self._finalize(before, obj, ctx, finalizer) if present else None
        if not present:
            added = await self._add_finalizer(obj, ctx, finalizer)
            if added is None:
                return None
            before, obj = Before(self._kind, added.to_json(), added), added
        return await self._run(before, obj, ctx, finalizing=False)

    async def _finalize(self, before: Before[R], obj: R, ctx: Context, finalizer: str) -> Result | None:
        result = await self._run(before, obj, ctx, finalizing=True)
        if result is not None:
            return result
        await self._release(ctx, finalizer, before.uid)
        return None

    def _is_over(self, request: Request, uid: str | None) -> bool:
        over = self._over.get(request)
        if over is not None and over != uid:
            del self._over[request]
        return over is not None and over == uid

    async def _release(self, ctx: Context, finalizer: str, uid: str) -> None:
        await remove_finalizer(self._kind, ctx, finalizer, uid)
        self._note_over(ctx.request, uid)

    def _note_over(self, request: Request, uid: str) -> None:
        self._over[request] = uid
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    async def _run(self, before: Before[R], obj: R, ctx: Context, *, finalizing: bool) -> Result | None:
        """Call the reconciler with `obj`, of which `before` tells the state that it does not get to see."""
        observed = True
        failure: Exception | None = None
        result: Result | None = None
        try:
            if finalizing:
                result = await self._reconciler.finalize(obj, ctx)
            else:
                result = await self._reconciler.reconcile(obj, ctx)
            # An answer that is none is a failure, which the caller raises.
            observed = result is None or isinstance(result, Result)
        except Exception as error:
            # A retried failure may not have looked at the whole spec; a terminal one is a verdict on it.
            failure = only_error(error)
            observed = isinstance(failure, TerminalError)
        try:
            await self._write_status(before, obj, ctx, observed=observed)
        except Exception as error:
            self._reconciler.status_unwritten(obj, error)
            # Without its status a verdict would be known to nobody, and never be written: it is reached again.
            if failure is None or isinstance(failure, TerminalError):
                raise error from failure
            ctx.log.warning("the status was not written either", error=str(error))
        if failure is not None:
            raise failure
        return result

    async def _write_status(self, before: Before[R], after: R, ctx: Context, *, observed: bool) -> None:
        # Only the status of `after` counts: the reconciler may have used the rest of the object as a scratch pad.
        if before.is_settled(after, observed=observed):
            return None
        old, new = before.decoded, status_of(after)
        if isinstance(new, StatusBase):
            known = status_of(old)
            conditions = known.conditions if isinstance(known, StatusBase) else []
            stamp_conditions(conditions, new.conditions, ctx.clock.now(), before.generation)
            if observed and before.generation is not None:
                new.observed_generation = before.generation
        began, status = old.status_dict(), after.status_dict()
        if status == began:
            return None
        body = with_status(self._kind, before.raw, status)
        for _ in range(WRITE_TRIES):
            try:
                await ctx.client.update_status_json(self._kind, old.name, old.namespace, body)
            except NotFound:
                return await self._refuse_lost_status(old, ctx)
            except Conflict:
                try:
                    fresh = await ctx.client.get(self._kind, old.name, namespace=old.namespace)
                except NotFound:
                    return self._note_over(ctx.request, before.uid)
                same = fresh.uid == before.uid and fresh.metadata.generation == before.generation
                if not same or fresh.status_dict() != began:
                    raise RequeueError("the object changed while it was reconciled") from None
                body = with_status(self._kind, fresh.to_json(), status)
            else:
                return None
        raise RequeueError("the object is written by others all the time")

    async def _refuse_lost_status(self, obj: R, ctx: Context) -> None:
        """Tell an object that is gone from a kind that has nowhere to write a status to."""
        try:
            await ctx.client.get(untyped(self._kind.resource_type), obj.name, namespace=obj.namespace)
        except NotFound:
            return self._note_over(ctx.request, obj.uid or "")
        raise TerminalError(
            f"the status of {self._kind.__name__} cannot be written: its CRD has no status subresource "
            "(class keyword `status_subresource=True`)"
        )

    async def _add_finalizer(self, obj: R, ctx: Context, finalizer: str) -> R | None:
        finalizers = [*(obj.metadata.finalizers or ()), finalizer]
        metadata = {"resourceVersion": obj.metadata.resource_version, "uid": obj.uid, "finalizers": finalizers}
        try:
            patch = MergePatch({"metadata": metadata})
            return await ctx.client.patch(self._kind, obj.name, patch, namespace=obj.namespace)
        except NotFound:
            return None
        except (Conflict, Invalid) as error:
            # Another uid under the name is a Conflict by the version, else Invalid: the uid may not change.
            if isinstance(error, Invalid) and all(cause.field != "metadata.uid" for cause in error.causes):
                raise
            raise RequeueError("the object changed before the finalizer was added") from None

    async def _undecodable(self, request: Request, ctx: Context, error: Exception) -> Result | None:
        """One object that does not fit the model must neither retry for ever nor block its own deletion."""
        head = ctx.cache.head(self._kind, request.name, request.namespace)
        finalizer = self._reconciler.finalizer
        if head.deletion_timestamp is not None and finalizer is not None:
            if finalizer not in head.finalizers or self._is_over(request, head.uid):
                return None
            result = await self._reconciler.finalize_raw(head, ctx)
            if result is None:
                await self._release(ctx, finalizer, head.uid)
            return result
        problem = _problem(error)
        reference = reference_to(self._kind.resource_type, head)
        ctx.events.event(reference, "Undecodable", problem, type="Warning", action="Reconcile")
        raise TerminalError(f"the object does not fit {self._kind.__name__}: {problem}") from None


def _problem(error: Exception) -> str:
    """Why an object does not fit its model, in a line."""
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" + (f" (and {n} more)" if (n := error.error_count() - 1) else "")


def untyped(rt: ResourceType) -> type[AnyResource]:
    """A model of a kind into which every object fits."""
    return AnyResource.of(rt.api_version, rt.kind, rt.plural, rt.namespaced)


def reference_to(rt: ResourceType, head: ObjectHead) -> dict[str, str]:
    """An ObjectReference as plain data."""
    reference = {"apiVersion": rt.api_version, "kind": rt.kind, "name": head.name, "uid": head.uid}
    return {**reference, "namespace": head.namespace} if head.namespace else reference


async def remove_finalizer(kind: type[Resource], ctx: Context, finalizer: str, uid: str) -> None:
    """Take one finalizer off the object of that uid; an object that is gone is fine. Raises RequeueError."""
    model = untyped(kind.resource_type)
    name, namespace = ctx.request.name, ctx.request.namespace
    for _ in range(WRITE_TRIES):
        try:
            live = await ctx.client.get(model, name, namespace=namespace)
            if live.uid != uid or finalizer not in live.metadata.finalizers:
                return
            rest = [other for other in live.metadata.finalizers if other != finalizer]
            metadata = {"resourceVersion": live.metadata.resource_version, "uid": uid, "finalizers": rest or None}
            await ctx.client.patch(model, name, MergePatch({"metadata": metadata}), namespace=namespace)
        except NotFound:
            return
        except Conflict:
            continue
        return
    raise RequeueError(f"the finalizer {finalizer} could not be removed: the object is written by others all the time")
