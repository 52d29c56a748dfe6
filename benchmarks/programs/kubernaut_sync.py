"""kubernaut: `noop|patch|pods COUNT` - a manager with one controller, 16 workers, metrics and logs on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from benchmarks.programs.ending import Ending
from benchmarks.programs.models import Item
from kubernaut import Context, Controller, Manager, Reconciler, connect
from kubernaut.reconcile.log import configure_logging
from kubernaut.resources.builtin.core_v1 import Pod


class Noop(Reconciler[Item]):
    """Reads the object."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    async def reconcile(self, item: Item, ctx: Context) -> None:
        self._ending.saw(item.name, item.spec.size)


class Patch(Reconciler[Item]):
    """Writes the status once."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    async def reconcile(self, item: Item, ctx: Context) -> None:
        if item.status.phase == "Ready":
            self._ending.saw(item.name, item.status.observed_size)
            return
        item.status.phase, item.status.observed_size = "Ready", item.spec.size


class Pods(Reconciler[Pod]):
    """Reads the pod."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    async def reconcile(self, pod: Pod, ctx: Context) -> None:
        self._ending.saw(pod.name, len(pod.spec.containers))


async def main(mode: str, count: int) -> None:
    configure_logging("json")
    ending = Ending(count)
    controllers: dict[str, Callable[[], Controller]] = {
        "noop": lambda: Controller(Item, Noop(ending), max_concurrent=16),
        "patch": lambda: Controller(Item, Patch(ending), max_concurrent=16),
        "pods": lambda: Controller(Pod, Pods(ending), max_concurrent=16),
    }
    async with connect() as client:
        manager = Manager(client, metrics_bind="127.0.0.1:0")
        manager.add(controllers[mode]())
        async with manager.running():
            await ending.wait()
    ending.tell()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
