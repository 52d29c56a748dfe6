"""Reconcilers that do what a test says and note their calls."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from kubernaut.client import Client, ObjectHead
from kubernaut.reconcile import Context, Controller, Manager, Reconciler, Request, Result
from tests.reconcile.server import Server
from tests.reconcile.widgets import Widget

Do = Callable[[Widget, Context], Awaitable[Result | None]]


class Scripted(Reconciler[Widget]):
    """Does what the test says, and notes its calls."""

    def __init__(self, do: Do | None = None) -> None:
        self.do = do
        self.calls: list[str] = []
        self.times: list[float] = []

    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        self.calls.append(f"{obj.name}@{obj.metadata.resource_version}")
        self.times.append(asyncio.get_running_loop().time())
        return await self.do(obj, ctx) if self.do else None


class Finalizing(Scripted):
    finalizer = "example.dev/widget"
    keep = False

    async def finalize(self, obj: Widget, ctx: Context) -> Result | None:
        self.calls.append(f"finalize {obj.name}")
        return Result(requeue_after=timedelta(seconds=5)) if self.keep else None

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        self.calls.append(f"finalize_raw {head.name}")
        return None


class Keys:
    """A RequestReconciler: does what the test says with a request, and notes it."""

    def __init__(self, do: Callable[[Request, Context], Awaitable[Any]] | None = None) -> None:
        self.do = do
        self.calls: list[str] = []
        self.times: list[float] = []
        self.attempts: list[int] = []

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        self.calls.append(str(request))
        self.times.append(asyncio.get_running_loop().time())
        self.attempts.append(ctx.attempt)
        result: Result | None = await self.do(request, ctx) if self.do else None
        return result

    @property
    def waits(self) -> list[float]:
        """Seconds between the calls."""
        return [round(later - earlier, 3) for earlier, later in zip(self.times, self.times[1:], strict=False)]


def manager_of(server: Server, reconciler: Scripted | Keys, **options: Any) -> Manager:
    """A manager with one controller of Widgets."""
    manager = Manager(Client(server))
    manager.add(Controller(Widget, reconciler, **options))
    return manager
