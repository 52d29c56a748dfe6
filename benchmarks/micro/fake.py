"""`python -m benchmarks.micro.fake [items|pods] [COUNT]`: the fake in process, per operation; as `go/fakeclient`.

COUNT objects are created, got, given a status by a merge patch, and listed, through the typed client.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from benchmarks.micro.bodies import NAMESPACE, bodies
from benchmarks.micro.meter import Meter
from benchmarks.programs.models import Item
from kubernaut.client import Client, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import Namespace, Pod

R = TypeVar("R", bound=Resource)
LISTS = 5
RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """`size` is a number in an object's spec, and `phase` what the patch has written."""

    model: type[R]
    size: Callable[[R], int]
    phase: Callable[[R], str | None]


ITEMS = Kind(Item, lambda item: item.spec.size, lambda item: item.status.phase)
PODS = Kind(Pod, lambda pod: len(pod.spec.containers), lambda pod: pod.status.phase)


async def create(client: Client, objects: Sequence[R]) -> None:
    for obj in objects:
        await client.create(obj)


async def get(client: Client, kind: Kind[R], names: Sequence[str]) -> int:
    """Read every object; the sum of one field, so that nothing can leave the reading out."""
    return sum([kind.size(await client.get(kind.model, name, namespace=NAMESPACE)) for name in names])


async def patch(client: Client, kind: Kind[R], names: Sequence[str]) -> None:
    body = MergePatch({"status": {"phase": RUNNING}})
    for name in names:
        await client.patch(kind.model, name, body, namespace=NAMESPACE, subresource="status")


async def listed(client: Client, kind: Kind[R]) -> int:
    """Read all objects at once, and decode each: how many the patch has reached."""
    return sum(kind.phase(obj) == RUNNING for obj in await client.list(kind.model))


async def warm(client: Client, kind: Kind[R], obj: R) -> None:
    """One object comes and goes: what is made once, such as a schema, is no operation's cost."""
    await create(client, [obj])
    await get(client, kind, [obj.name])
    await patch(client, kind, [obj.name])
    await listed(client, kind)
    await client.delete(kind.model, obj.name, namespace=NAMESPACE, grace_period=0)


async def measured(client: Client, kind: Kind[R], count: int, name: str) -> dict[str, Any]:
    objects = [kind.model.from_json(body) for body in bodies(name, count)]
    names = [obj.name for obj in objects]
    await warm(client, kind, objects[0])
    meter = Meter()
    await create(client, objects)
    said: dict[str, Any] = {"objects": count, **meter.each(count, "create")}
    meter = Meter()
    said |= {"sum": await get(client, kind, names), **meter.each(count, "get")}
    meter = Meter()
    await patch(client, kind, names)
    said |= meter.each(count, "status")
    said["patched"] = await listed(client, kind)
    meter = Meter()
    found = sum([await listed(client, kind) for _ in range(LISTS)])
    return {**said, **meter.each(LISTS, "list"), "listed": found // LISTS}


async def main(name: str, count: int) -> None:
    async with FakeCluster(controlplane=False, crds=(Item,)) as cluster:
        await cluster.client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        if name == "items":
            said = await measured(cluster.client, ITEMS, count, name)
        else:
            said = await measured(cluster.client, PODS, count, name)
    print(json.dumps(said))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("items", "3000")[len(sys.argv) - 1 :]]
    asyncio.run(main(given[0], int(given[1])))
