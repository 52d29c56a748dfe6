"""Runs the user's controllers on an in-memory cluster, and again, on the same cluster, whenever their files change."""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import anyio
from anyio.abc import TaskGroup

from kubernaut.cli.dev.observing import Observer
from kubernaut.cli.dev.sources import Sources
from kubernaut.cli.manifests import InputError, read_manifests
from kubernaut.cli.target import BadTarget, BrokenCode, Target, described_error, load
from kubernaut.client import Client
from kubernaut.fake import FakeCluster, LoadError
from kubernaut.reconcile import Controller, Informer, Manager, Scope
from kubernaut.reconcile.serving import HttpServer
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.events_v1 import Event

GRACE = timedelta(seconds=5)
"""How long reconciles in flight may delay a reload."""
QUIET_SECONDS = 2.0
"""Longer than a simulated pod takes to start: after so long without a write nothing is on its way."""
SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """How long to go on, and what else to do. `once`: until nothing happens any more; `seconds`: at most so long."""

    files: Sequence[str] = ()
    once: bool = False
    seconds: float | None = None
    port: int | None = None


class Session:
    """One `kubernaut dev`, from its start to its end."""

    def __init__(self, target: Target, options: Options, observer: Observer) -> None:
        self._target = target
        self._options = options
        self._observer = observer
        self._sources = Sources(target, options.files)
        self._definitions: dict[str, Mapping[str, Any]] = {}
        self._watched: dict[Scope, None] = {}
        self._stale = dict.fromkeys(options.files)
        self.broken = False
        """The user's code could not be run when the session ended."""

    async def run(self) -> None:
        """Go on until the end that the options name, or until cancelled.

        Raises:
            BadTarget, InputError: at the start, when what was given cannot be used; with `once` also BrokenCode.
        """
        async with FakeCluster() as cluster, self._served(cluster), anyio.create_task_group() as group:
            client = cluster.client.through(self._observer.through)
            with anyio.move_on_after(self._options.seconds):
                await self._rounds(cluster, client, group)
            group.cancel_scope.cancel()

    @asynccontextmanager
    async def _served(self, cluster: FakeCluster) -> AsyncIterator[None]:
        if self._options.port is None:
            yield
            return
        async with HttpServer(cluster.server, f"127.0.0.1:{self._options.port}", name="--port") as server:
            self._observer.tell("note", "", f"the cluster is at {server.url}: kubectl --server {server.url} get all -A")
            yield

    async def _rounds(self, cluster: FakeCluster, client: Client, group: TaskGroup) -> None:
        first = True
        while True:
            self._sources.remember()
            try:
                manager = await self._loaded(cluster, client, group)
                self.broken = False
            except (BadTarget, InputError, BrokenCode) as error:
                if self._options.once or (first and not isinstance(error, BrokenCode)):
                    raise
                self.broken, manager = True, None
                self._observer.tell(
                    "error", "", f"{self._target} cannot run; it is tried again on a change", str(error)
                )
            self._sources.update()
            first = False
            changed = await self._round(cluster, manager)
            if changed is None:
                return
            self._observer.tell("note", "", f"changed: {', '.join(changed)}")
            self._stale.update(dict.fromkeys(self._manifests_in(changed)))
            self._sources.forget_modules()

    def _manifests_in(self, changed: Sequence[str]) -> list[str]:
        return [file for file in self._options.files if os.path.relpath(file) in changed]

    async def _round(self, cluster: FakeCluster, manager: Manager | None) -> list[str] | None:
        """Run until a file changes, and name those; None at the end of it all."""
        if manager is not None:
            try:
                async with manager.running(wait=False):
                    if self._options.once:
                        await manager.synced()
                        await _settled(cluster)
                        return None
                    return await self._sources.changed()
            except BrokenCode:
                raise
            except Exception as error:
                if self._options.once:
                    raise BrokenCode(described_error(error)) from error
                self.broken = True
                self._observer.tell(
                    "error", "", "the manager ended; it starts again on a change", described_error(error)
                )
        return await self._sources.changed()

    async def _loaded(self, cluster: FakeCluster, client: Client, group: TaskGroup) -> Manager:
        """Everything that must be there before the controllers run. Raises BadTarget, BrokenCode, InputError."""
        made = await load(self._target, client)
        if isinstance(made, Manager):
            manager = made
        else:
            manager = Manager(client, name="dev", graceful_timeout=GRACE)
            try:
                manager.add(*(copy.copy(controller) for controller in made))
            except ValueError as error:
                raise BadTarget(f"{self._target}: {error}") from None
        for controller in manager.controllers:
            self._observer.watch(controller)
            await self._define(cluster, controller)
        await self._give_manifests(cluster)
        for controller in manager.controllers:
            self._follow(cluster, group, controller.kind)
        names = ", ".join(controller.name for controller in manager.controllers)
        self._observer.tell("note", "", f"running {self._target}: {names}")
        return manager

    async def _define(self, cluster: FakeCluster, controller: Controller) -> None:
        """Install the definitions of the controller's own kinds, those of its code as it is now."""
        for kind in controller.kinds:
            if not _is_custom(kind):
                continue
            definition = crd_for(kind)
            name = definition["metadata"]["name"]
            if self._definitions.get(name) == definition:
                continue
            try:
                await cluster.load([definition])
            except LoadError as error:
                raise BrokenCode(str(error)) from None
            self._definitions[name] = definition

    async def _give_manifests(self, cluster: FakeCluster) -> None:
        for file in list(self._stale):
            for manifest in read_manifests([file]):
                try:
                    loaded = await cluster.load([manifest.body])
                except LoadError as error:
                    raise InputError(f"{manifest.source}: {error}") from None
                for name in loaded.invented:
                    self._observer.tell(
                        "note", "", f"no definition {name} was given; one that takes everything is used"
                    )
            del self._stale[file]

    def _follow(self, cluster: FakeCluster, group: TaskGroup, kind: type[Resource]) -> None:
        """Show what happens to objects of a kind, once per kind, over all reloads."""
        for handler, scope in (
            (self._observer.event_changed, Scope.of(Event.resource_type)),
            (self._observer.object_changed(kind), Scope.of(kind.resource_type)),
        ):
            if scope not in self._watched:
                self._watched[scope] = None
                informer = Informer(cluster.client, scope, random=Random(0))
                informer.add_handler(handler)
                group.start_soon(informer.run, name=f"show {scope}")


async def _settled(cluster: FakeCluster) -> None:
    """As the cluster's own `settled`, but a leader that renews its lease does not count. Raises BrokenCode."""
    seen, quiet_since = len(cluster.requests), anyio.current_time()
    limit = quiet_since + SETTLE_SECONDS
    while (now := anyio.current_time()) - quiet_since < QUIET_SECONDS:
        if now > limit:
            raise BrokenCode(f"the controllers do not come to rest: they still write after {SETTLE_SECONDS:g} s")
        await anyio.sleep(QUIET_SECONDS / 20)
        fresh = cluster.requests[seen:]
        seen += len(fresh)
        if any(request.verb not in ("get", "list", "watch") and "/leases" not in request.path for request in fresh):
            quiet_since = anyio.current_time()


def _is_custom(kind: type[Resource]) -> bool:
    group = kind.resource_type.group
    return "." in group and not group.endswith(".k8s.io")
