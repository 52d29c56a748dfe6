"""The API server is away for half a minute: who may still be leading goes on, who may not ends, and another takes over.

What happens exactly, by the times of the election:

* A leader whose renew deadline is longer than the outage stays the leader: it goes on when the server is back.
* Any other leader stops all work at its renew deadline (`Manager.run` raises LeadershipLost) and its process ends with
  exit code 3. Whoever starts it again (a kubelet, here the test) gets a process that lives, is not ready, and waits.
  When the server is back it reads the lease, sees nobody renew it for the lease's duration, and takes over.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kubernaut.reconcile.process import ExitCode
from kubernaut.reconcile.running import readiness as bounds
from kubernaut.testing import EnvTest
from kubernaut.testing.envtest.ports import free_ports
from tests.envtest import needs_envtest
from tests.recovery.world import (
    Keeper,
    done,
    election,
    leader,
    make,
    manager_of,
    prepare,
    probe,
    readiness,
    until,
    untouched,
)

pytestmark = needs_envtest
OUTAGE = 30.0
UNREADY_AFTER = 10.0
LEASE, RENEW, RETRY = 15.0, 10.0, 2.0
# A loaded machine is late, never early: what is bounded from above is bounded only so that the test ends.
SLACK = 20.0
NAMES = [f"w{number}" for number in range(5)]


@asynccontextmanager
async def process(kubeconfig: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    times = (str(each) for each in (LEASE, RENEW, RETRY))
    command = ("-m", "tests.recovery.program", str(kubeconfig), "short", str(port), *times)
    log = kubeconfig.with_suffix(".log").open("ab")
    with log:
        running = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=log, stderr=log)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_the_server_is_away_for_30_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UNREADY_AFTER", UNREADY_AFTER)
    kubeconfig, (port,) = tmp_path / "config", free_ports(1)
    keeper = Keeper()
    async with EnvTest(controller_manager=False) as env, env.client() as admin, env.client() as client:
        kubeconfig.write_text(json.dumps(env.kubeconfig()))
        await prepare(admin, "long", "short")
        manager = manager_of(client, "long", keeper, election("long", (400, 300, 1)))
        async with manager.running():
            async with process(kubeconfig, port) as first:
                for namespace in ("long", "short"):
                    await make(admin, namespace, NAMES)
                before = {namespace: await done(admin, namespace) for namespace in ("long", "short")}
                led = {namespace: await leader(admin, namespace) for namespace in ("long", "short")}
                began = time.monotonic()
                await env.stop_api_server(kill=True)
                assert (await probe(manager.url("health_bind")))[0] == 200, "so far it is a blip"
                assert await asyncio.wait_for(first.wait(), RENEW + RETRY + SLACK) == ExitCode.LEADERSHIP_LOST
                assert time.monotonic() - began > RENEW / 2, "it did not give up early"
            async with process(kubeconfig, port) as second:
                await readiness(manager, 500, UNREADY_AFTER + SLACK)
                assert time.monotonic() - began >= UNREADY_AFTER
                own = f"http://127.0.0.1:{port}"

                async def alive() -> bool:
                    return (await probe(own, "/healthz"))[0] == 200

                await until(alive)
                assert (await probe(own))[0] == 500, "it has no list yet"
                assert (await probe(manager.url("health_bind"), "/healthz"))[0] == 200, "a restart would mend nothing"
                await asyncio.sleep(max(0.0, OUTAGE - (time.monotonic() - began)))
                assert second.returncode is None
                assert (await probe(manager.url("health_bind")))[0] == 500

                await env.start_api_server()
                for namespace in ("long", "short"):
                    await make(admin, namespace, ["new"])
                after = {namespace: await done(admin, namespace) for namespace in ("long", "short")}
                await readiness(manager, 200)

                async def ready() -> bool:
                    return (await probe(own))[0] == 200

                await until(ready)
                assert all(untouched(before[namespace], after[namespace]) for namespace in ("long", "short"))
                assert keeper.created == dict.fromkeys([*NAMES, "new"], 1)
                assert await leader(admin, "long") == led["long"]
                identity, transitions = await leader(admin, "short")
                assert identity != led["short"][0]
                assert transitions == (led["short"][1] or 0) + 1
                second.terminate()
                assert await second.wait() == ExitCode.STOPPED
