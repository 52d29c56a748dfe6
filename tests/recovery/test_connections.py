"""The API server restarts, forgets its history, or cannot be reached: the manager goes on by itself.

The server is away for less than the renew deadline, so the leader stays the leader. Each of these is seen from outside:
what was done is neither lost nor done twice, and the readiness says what is so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kubernaut.client import MergePatch
from kubernaut.client.connect import connect
from kubernaut.reconcile import CacheOptions
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import EnvTest
from tests.envtest import needs_envtest
from tests.reconcile.widgets import Widget
from tests.recovery.proxy import Proxy
from tests.recovery.world import CACHE, Probing, Work, done, election, leader, make, prepare, running, until, untouched

pytestmark = needs_envtest
NAMES = [f"w{number}" for number in range(8)]


@pytest.fixture(scope="module")
def env() -> Iterator[EnvTest]:
    with EnvTest(controller_manager=False) as started:
        asyncio.run(_prepare(started))
        yield started


async def _prepare(env: EnvTest) -> None:
    async with env.client() as admin:
        await prepare(admin, "restarted", "compacted", "deaf")


async def test_a_restart_is_a_blip_that_costs_neither_leadership_nor_readiness(env: EnvTest) -> None:
    async with env.client() as admin, env.client() as client, running(client, "restarted") as (manager, keeper):
        await make(admin, "restarted", NAMES)
        before, led = await done(admin, "restarted"), await leader(admin, "restarted")
        async with Probing(manager).going_on() as probing:
            # Some are still being worked on when the server is killed.
            await make(admin, "restarted", [f"late{number}" for number in range(8)])
            await env.restart_api_server(kill=True)
            await make(admin, "restarted", ["new"])
            after = await done(admin, "restarted")
        assert untouched(before, after)
        assert set(keeper.created.values()) == {1}
        assert len(after.children) == 17
        assert set(probing.answers) == {200}
        assert await leader(admin, "restarted") == led


async def test_after_compaction_the_watch_has_expired_and_a_list_tells_what_was_missed(env: EnvTest) -> None:
    proxy = Proxy(int(env.url.rsplit(":", 1)[1]))
    async with env.client() as admin, proxy.running(), connect(env.kubeconfig(server=proxy.url)) as client:
        async with running(client, "compacted") as (manager, keeper):
            await make(admin, "compacted", NAMES)
            before, led = await done(admin, "compacted"), await leader(admin, "compacted")
            proxy.refusing = True
            proxy.cut()
            await admin.delete(Widget, "w0", namespace="compacted")
            await admin.delete(ConfigMap, "w1", namespace="compacted")
            await admin.patch(Widget, "w2", MergePatch({"spec": {"size": 2}}), namespace="compacted")
            await make(admin, "compacted", ["new"])
            await env.compact()
            proxy.refusing = False
            await env.restart_api_server(kill=True)

            async def forgotten() -> bool:
                return "w0" not in {widget.name for widget in manager.cache.list(Widget, namespace="compacted")}

            await until(forgotten)
            # Nobody collects garbage here. For a widget that is gone it is not made anew.
            await admin.delete(ConfigMap, "w0", namespace="compacted")
            after = await done(admin, "compacted")
            informers = list(manager.cache.informers)
            assert any(informer.relists for informer in informers), "the version it had was too old"
            assert led == await leader(admin, "compacted")
        kept = Work({name: before.children[name] for name in NAMES[3:]})
        assert untouched(kept, after)
        assert keeper.created == {**dict.fromkeys(NAMES, 1), "w1": 2, "new": 1}
        assert after.children["w2"][0] == before.children["w2"][0], "changed, not made anew"
        assert "w0" not in after.children


async def test_connections_that_went_deaf_are_found_and_replaced(env: EnvTest) -> None:
    """Something on the way still answers for the server, so TCP sees nothing: what bounds a watch finds it.

    The lease is renewed in time as well: one attempt is lost on a deaf connection, and the next one makes its own.
    """
    proxy = Proxy(int(env.url.rsplit(":", 1)[1]))
    cache = CacheOptions(default=replace(CACHE, watch_seconds=(3, 4)))
    async with (
        env.client() as admin,
        proxy.running(),
        connect(env.kubeconfig(server=proxy.url), timeout=3) as client,
        running(client, "deaf", election("deaf", (15, 10, 2)), cache) as (manager, keeper),
    ):
        await make(admin, "deaf", NAMES)
        before, led = await done(admin, "deaf"), await leader(admin, "deaf")
        async with Probing(manager).going_on() as probing:
            proxy.deafen()
            deaf = asyncio.get_running_loop().time()
            await make(admin, "deaf", ["new"])
            after = await done(admin, "deaf")
            took = asyncio.get_running_loop().time() - deaf
        # The watch's own end after 4 s at most, and the grace of five seconds.
        assert took < 12
        assert untouched(before, after)
        assert set(keeper.created.values()) == {1}
        assert await leader(admin, "deaf") == led
        assert set(probing.answers) == {200}
