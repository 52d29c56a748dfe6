"""`python -m benchmarks.load --items N --pods N`: prints its port, serves until standard input ends."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys

from benchmarks.load import objects
from benchmarks.load.collection import Collection
from benchmarks.load.server import Connection, World


async def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.load")
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--pods", type=int, default=0)
    given = parser.parse_args()
    gc.disable()  # hundreds of thousands of objects are made, and none is given up
    api_version = f"{objects.GROUP}/v1"
    world = World(
        {
            f"/apis/{api_version}/{objects.PLURAL}": Collection(objects.KIND, api_version, objects.items(given.items)),
            "/api/v1/pods": Collection("Pod", "v1", objects.pods(given.pods)),
        }
    )
    gc.freeze()
    gc.enable()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(world), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
