"""kopf: `noop|patch|pods COUNT`, `burst KEYS FRAMES` - one event handler, nothing posted, only the status written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any

import kopf

from benchmarks.programs.ending import Ending
from benchmarks.programs.latest import Latest, burst


def handlers(mode: str, ending: Ending) -> None:
    """Register the handler of a mode: `on.event` is what costs kopf least."""
    if mode == "pods":

        @kopf.on.event("", "v1", "pods")
        async def pods(name: str, spec: Any, **_: Any) -> None:
            ending.saw(name, len(spec["containers"]))

        return

    @kopf.on.event("bench.kubernaut.io", "v1", "items")
    async def items(name: str, spec: Any, status: Any, patch: Any, **_: Any) -> None:
        if mode == "noop":
            ending.saw(name, spec["size"])
        elif status.get("phase") == "Ready":
            ending.saw(name, status["observedSize"])
        else:
            patch.status.update(phase="Ready", observedSize=spec["size"], observedGeneration=1)


def seeing(latest: Latest) -> None:
    """Register the handler that reads which change an object shows."""

    @kopf.on.event("bench.kubernaut.io", "v1", "items")
    async def items(name: str, status: Any, **_: Any) -> None:
        latest.saw(name, status["observedSize"])


async def operating(until: Awaitable[Any]) -> Any:
    """Run the operator until something is done; answers that."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    stop = asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(settings=settings, standalone=True, clusterwide=True, stop_flag=stop, priority=1)
    )
    result = await until
    stop.set()
    await operator
    return result


async def main(mode: str, count: int, frames: int) -> None:
    if mode == "burst":
        latest = Latest(count)
        seeing(latest)
        (await operating(burst(latest, frames)))()
        return
    ending = Ending(count)
    handlers(mode, ending)
    await operating(ending.wait())
    ending.tell()


if __name__ == "__main__":
    kopf.configure(quiet=True)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
