"""`KUBECONFIG FILE CONNECTIONS WARMING`: as `go/httpload`, for machines without a Go toolchain; slower than that."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.micro.meter import Meter
from kubernaut import Client, TransportOptions, connect

PATH = "/api/v1/namespaces/default/configmaps"


async def _posts(client: Client, bodies: Iterator[bytes]) -> int:
    created = 0
    for body in bodies:
        answer = await client.request("POST", PATH, body=body, headers={"content-type": "application/json"})
        created += answer.status == 201
    return created


async def post(client: Client, bodies: Sequence[bytes], connections: int) -> int:
    """Send every body once; how many the server created."""
    left = iter(bodies)
    return sum(await asyncio.gather(*(_posts(client, left) for _ in range(connections))))


async def main(kubeconfig: str, bodies: Sequence[bytes], connections: int, warming: int) -> None:
    async with connect(kubeconfig, options=TransportOptions(max_connections=connections)) as client:
        await post(client, bodies[:warming], connections)
        meter = Meter()
        created = await post(client, bodies[warming:], connections)
        print(json.dumps({"created": created, "seconds": meter.wall(), "client_cpu": meter.cpu()}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes().splitlines(), int(sys.argv[3]), int(sys.argv[4])))
