"""kopf: `noop|patch|pods COUNT` - one event handler, nothing posted, nothing written but the status."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import kopf

from benchmarks.programs.ending import Ending


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


async def main(mode: str, count: int) -> None:
    ending = Ending(count)
    handlers(mode, ending)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    stop = asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(settings=settings, standalone=True, clusterwide=True, stop_flag=stop, priority=1)
    )
    await ending.wait()
    stop.set()
    await operator
    ending.tell()


if __name__ == "__main__":
    kopf.configure(quiet=True)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
