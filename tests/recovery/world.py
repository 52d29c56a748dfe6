"""A manager with one small controller on the real server, and what must hold of its work whatever happened."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx

from kubernaut.client import Client, ClientError, NotFound
from kubernaut.reconcile import CacheOptions, Context, Controller, KindOptions, LeaderElection, Manager, Reconciler
from kubernaut.reconcile.owners import mark_owner
from kubernaut.resources import ObjectMeta, crd_for
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from tests.reconcile.widgets import Widget

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


# So that a test need not wait for half a minute after an outage.
CACHE = KindOptions(retry_seconds=(0.5, 2.0))


def election(namespace: str, seconds: tuple[float, float, float] = (40, 30, 1)) -> LeaderElection:
    """By default a server may be away for as long as it takes to restart on a busy machine."""
    lease, renew, retry = (timedelta(seconds=each) for each in seconds)
    return LeaderElection("keeper", namespace=namespace, lease_duration=lease, renew_deadline=renew, retry_period=retry)


class Keeper(Reconciler[Widget]):
    """Keeps a ConfigMap for each widget; notes the creations that the server confirmed."""

    def __init__(self) -> None:
        self.created: Counter[str] = Counter()

    async def reconcile(self, widget: Widget, ctx: Context) -> None:
        wanted = {"size": str(widget.spec.size)}
        meta = ObjectMeta(name=widget.name, namespace=widget.namespace)
        try:
            child = ctx.cache.get(ConfigMap, widget.name, namespace=widget.namespace)
        except NotFound:
            child = ConfigMap(metadata=meta, data=wanted)
            mark_owner(child, widget)
            await ctx.client.create(child)
            self.created[widget.name] += 1
        else:
            if child.data != wanted:
                child.data = wanted
                await ctx.client.update(child)
        widget.status.phase = f"size {widget.spec.size}"


def manager_of(
    client: Client, namespace: str, keeper: Keeper, elect: LeaderElection, cache: CacheOptions | None = None
) -> Manager:
    manager = Manager(client, leader_election=elect, health_bind="127.0.0.1:0", cache=cache or CacheOptions(CACHE))
    manager.add(Controller(Widget, keeper, owns=[ConfigMap], namespace=namespace, max_concurrent=4))
    return manager


@asynccontextmanager
async def running(
    client: Client, namespace: str, elect: LeaderElection | None = None, cache: CacheOptions | None = None
) -> AsyncIterator[tuple[Manager, Keeper]]:
    """A manager that leads."""
    keeper = Keeper()
    manager = manager_of(client, namespace, keeper, elect or election(namespace), cache)
    async with manager.running():
        yield manager, keeper


async def prepare(admin: Client, *namespaces: str) -> None:
    """The kind of widgets, and namespaces."""
    await admin.request("POST", CRDS, body=crd_for(Widget))
    for name in namespaces:
        await admin.create(Namespace(metadata=ObjectMeta(name=name)))

    async def served() -> bool:
        try:
            await admin.list(Widget, namespace="default")
        except NotFound:
            return False
        return True

    await until(served)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.1)


async def make(admin: Client, namespace: str, names: Iterable[str], size: int = 1) -> None:
    for name in names:
        widget = {"metadata": {"name": name, "namespace": namespace}, "spec": {"size": size}}
        await admin.create(Widget.from_dict(widget))


@dataclass(frozen=True)
class Work:
    """What a manager has done: by widget the uid, version and content of its child."""

    children: dict[str, tuple[str | None, str | None, dict[str, str]]]

    @classmethod
    async def of(cls, admin: Client, namespace: str) -> Work:
        items = await admin.list(ConfigMap, namespace=namespace)
        # The server puts its authority's certificate into every namespace from 1.20 on.
        found = {i.name: (i.metadata.uid, i.metadata.resource_version, i.data) for i in items if "size" in i.data}
        return cls(found)


async def done(admin: Client, namespace: str, seconds: float = 60.0) -> Work:
    """Wait until every widget has its child and its status, and no child is without its widget."""
    work = Work({})

    async def complete() -> bool:
        nonlocal work
        widgets = {w.name: w for w in await admin.list(Widget, namespace=namespace)}
        work = await Work.of(admin, namespace)
        sizes = {name: data["size"] for name, (_, _, data) in work.children.items()}
        if sizes != {name: str(w.spec.size) for name, w in widgets.items()}:
            return False
        return all(w.status.phase == f"size {w.spec.size}" for w in widgets.values())

    await until(complete, seconds)
    return work


def untouched(before: Work, after: Work) -> bool:
    """Whether nothing that was done already was done again, or over."""
    return all(after.children[name] == child for name, child in before.children.items())


async def leader(admin: Client, namespace: str) -> tuple[str | None, int | None]:
    """Who leads, and how often that has changed."""
    spec = (await admin.get(Lease, "keeper", namespace=namespace)).spec
    return spec.holder_identity, spec.lease_transitions


async def probe(url: str, path: str = "/readyz") -> tuple[int, str]:
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            answer = await http.get(f"{url}{path}")
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text


class Probing:
    """Asks for the readiness all the time, as a kubelet does."""

    def __init__(self, manager: Manager) -> None:
        self._url = manager.url("health_bind")
        self.answers: list[int] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[Probing]:
        async def ask() -> None:
            while True:
                self.answers.append((await probe(self._url))[0])
                await asyncio.sleep(0.2)

        task = asyncio.create_task(ask())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])


async def readiness(manager: Manager, wanted: int, seconds: float = 40.0) -> None:
    """Wait for an answer of /readyz."""
    url = manager.url("health_bind")

    async def answered() -> bool:
        return (await probe(url))[0] == wanted

    await until(answered, seconds)


async def refused(client: Client, error: type[ClientError]) -> bool:
    """Whether the server answers so."""
    try:
        await client.list(Namespace)
    except error:
        return True
    return False
