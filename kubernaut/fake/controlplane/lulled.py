"""Waits a moment before each reconcile, so that a burst of changes is answered once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TypeVar

from kubernaut.reconcile import Context, Reconciler, Request, RequestReconciler, Result
from kubernaut.reconcile.reconciler import TypedReconciler
from kubernaut.resources import Resource

R = TypeVar("R", bound=Resource)

LULL = timedelta(milliseconds=10)
"""Nobody notices it; in virtual time it passes when nothing else is left to do."""

_ROUNDING = timedelta(milliseconds=1)
"""Timers may fire by the resolution of the loop's clock too early."""


class Lulled(RequestReconciler):
    """A reconciler that counts what others change, called once for all that comes within LULL of the first change.

    Without it, each of ten pods that become ready at once makes its ReplicaSet, and that its Deployment, write a
    status.
    """

    def __init__(self, kind: type[R], reconciler: Reconciler[R]) -> None:
        self._inner: RequestReconciler = TypedReconciler(kind, reconciler)
        self._due: dict[Request, float] = {}

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Wait, or let the reconciler look."""
        now = asyncio.get_running_loop().time()
        due = self._due.get(request)
        if due is None and ctx.attempt > 1:
            # A retry has waited already; to ask for another wait would be a success, and end the back-off.
            return await self._inner.reconcile(request, ctx)
        if due is None:
            due = self._due[request] = now + LULL.total_seconds()
        if (rest := timedelta(seconds=due - now)) > _ROUNDING:
            return Result(requeue_after=rest)
        del self._due[request]
        return await self._inner.reconcile(request, ctx)
