"""Status in memory only: a Canary shifts traffic in steps, and remembers in its process how far it has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from kubernaut import Context, Controller, MicroTime, Model, Reconciler, Resource, Result, StatusBase

PAUSE = timedelta(seconds=30)


class CanarySpec(Model):
    service: str
    steps: list[int]


class CanaryStatus(StatusBase):
    step: int | None = None
    since: MicroTime | None = None


class Canary(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: CanarySpec
    status: CanaryStatus = CanaryStatus()


class TrafficRouter(Protocol):
    async def shift(self, service: str, percent: int) -> None: ...


@dataclass
class Progress:
    step: int
    since: datetime


class CanaryReconciler(Reconciler[Canary]):
    def __init__(self, router: TrafficRouter) -> None:
        self.router = router
        self.progress: dict[str, Progress] = {}

    async def reconcile(self, canary: Canary, ctx: Context) -> Result | None:
        if canary.status.is_true("Promoted"):
            return None
        now, progress = ctx.clock.now(), self.progress.get(canary.uid or "")
        if progress is not None and progress.since <= now < progress.since + PAUSE:
            return Result(requeue_after=progress.since + PAUSE - now)
        step = 0 if progress is None else progress.step + 1
        if step == len(canary.spec.steps):
            canary.status.set_condition("Promoted", True, reason="AllSteps")
            return None
        await self.router.shift(canary.spec.service, canary.spec.steps[step])
        self.progress[canary.uid or ""] = Progress(step, now)
        canary.status.step = step
        return Result(requeue_after=PAUSE)


class RepairedCanaryReconciler(Reconciler[Canary]):
    """What the next reconcile must know is in the object."""

    def __init__(self, router: TrafficRouter) -> None:
        self.router = router

    async def reconcile(self, canary: Canary, ctx: Context) -> Result | None:
        if canary.status.is_true("Promoted"):
            return None
        now, done, since = ctx.clock.now(), canary.status.step, canary.status.since
        if since is not None and since <= now < since + PAUSE:
            return Result(requeue_after=since + PAUSE - now)
        step = 0 if done is None else done + 1
        if step == len(canary.spec.steps):
            canary.status.set_condition("Promoted", True, reason="AllSteps")
            return None
        await self.router.shift(canary.spec.service, canary.spec.steps[step])
        canary.status.step, canary.status.since = step, now
        return Result(requeue_after=PAUSE)


def canaries(reconciler: Reconciler[Canary]) -> Controller:
    return Controller(Canary, reconciler)
