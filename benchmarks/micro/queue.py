"""`python -m benchmarks.micro.queue [COUNT] [KEYS]`: the work queue, per item; the same sequence as `go/queue`.

Bursts of KEYS adds, each key then got, forgotten and done.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from benchmarks.micro.meter import Meter
from kubernaut.reconcile import Request
from kubernaut.reconcile.queue import Queue


async def burst(queue: Queue[Request], keys: Sequence[Request]) -> int:
    """Add every key and work all of them off; the sum of the namespaces' and names' lengths."""
    total = 0
    for key in keys:
        queue.add(key)
    for _ in keys:
        key = await queue.get()
        total += len(key.namespace or "") + len(key.name)
        queue.forget(key)
        queue.done(key)
    return total


async def main(count: int, size: int) -> None:
    keys = [Request("bench", f"item-{number:06d}") for number in range(size)]
    queue: Queue[Request] = Queue()
    await burst(queue, keys)
    total = items = 0
    meter = Meter()
    while items < count:
        total += await burst(queue, keys)
        items += size
    costs = meter.each(items)
    print(json.dumps({"items": items, "left": len(queue), "sum": total, **costs}))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("200000", "1000")[len(sys.argv) - 1 :]]
    asyncio.run(main(int(given[0]), int(given[1])))
