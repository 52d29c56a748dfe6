"""Runs a demo: a cluster is laid out, executions are given to it, and it is followed to the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.cli.demo.changes import changes
from kubernaut.cli.demo.entries import ExecutionStory, Outcome
from kubernaut.cli.demo.show import Screen
from kubernaut.cli.demo.watching import Watcher
from kubernaut.cli.manifests import InputError, Manifest
from kubernaut.fake import FakeCluster, Loaded, LoadError
from kubernaut.policy.rego import RegoEvaluator
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.timing import current_clock

LONGEST = timedelta(hours=2)
"""Longer than every limit of an execution together; by then it has ended or never will."""

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a demo starts from: the cluster's state, and the executions that are carried out on it."""

    state: Sequence[Manifest]
    executions: Sequence[Manifest]

    @classmethod
    def of(cls, manifests: Sequence[Manifest]) -> Scene:
        """Tell executions from state.

        Raises:
            InputError: two documents give the same execution.
        """
        executions = [m for m in manifests if _is_execution(m)]
        for manifest in executions:
            _check_execution(manifest)
        seen: dict[tuple[str, str], str] = {}
        for manifest in executions:
            key = _key(manifest)
            if key in seen:
                raise InputError(
                    f"{manifest.source}: KubernetesExecution {'/'.join(key)} is given twice, first in {seen[key]}; "
                    f"rename one of them"
                )
            seen[key] = manifest.source
        return cls([m for m in manifests if not _is_execution(m)], executions)


async def tell(scene: Scene, screen: Screen, *, limit: timedelta = LONGEST) -> Outcome:
    """Carry the scene's executions out on a cluster of its own and show how it goes.

    Raises:
        InputError: the API server refused one of the objects.
    """
    config = ExecutionConfig(catalog=Catalog.builtin(), evaluator=RegoEvaluator(), allow_unstamped=True)
    async with FakeCluster(rbac=True) as cluster:
        await cluster.load(_own_objects(config))
        await _load_state(cluster, scene.state, screen)
        await cluster.settled()
        before = cluster.dump()
        stories = {_key(m): _story(m) for m in scene.executions}
        screen.begin(current_clock().now())
        if not scene.executions:
            screen.note("no KubernetesExecution was given: there is nothing to carry out")
            return Outcome([], [])
        async with cluster.running(executions(config)):
            await _carry_out(cluster, scene.executions, Watcher(stories, screen.entry), limit)
        await cluster.settled()
        changed = changes(before, cluster.dump(), ignored_namespaces=frozenset({config.executor_namespace}))
    return Outcome(list(stories.values()), changed)


def _own_objects(config: ExecutionConfig) -> list[dict[str, Any]]:
    """What the execution controller needs in the cluster: its CRD, and each action's ServiceAccount and rights."""
    rights = rbac_manifests(config.catalog, config.executor_namespace)
    return [*crds(), *(each.to_dict() for each in rights)]


async def _load_state(cluster: FakeCluster, state: Sequence[Manifest], screen: Screen) -> None:
    loaded = await _load(cluster, state)
    for name in loaded.invented:
        screen.note(f"no CustomResourceDefinition {name} was given; one that accepts everything serves it here")


async def _load(cluster: FakeCluster, manifests: Sequence[Manifest], *, strict: bool = False) -> Loaded:
    try:
        return await cluster.load([manifest.body for manifest in manifests], strict=strict)
    except LoadError as error:
        raise InputError(f"{_source_of(manifests, error.document)}: {error}") from None


def _source_of(manifests: Sequence[Manifest], document: Mapping[str, Any]) -> str:
    """Where a refused object was given; a namespace made on the way came from whatever is in it."""
    for manifest in manifests:
        if _is_same(manifest.body, document):
            return manifest.source
    name = document["metadata"].get("name")
    return next((m.source for m in manifests if m.namespace == name), "the cluster's own objects")


def _is_same(body: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    same_kind = all(body[field] == document[field] for field in ("apiVersion", "kind"))
    mine, other = body["metadata"], document["metadata"]
    same_place = document["metadata"].get("namespace") in (None, mine.get("namespace"), DEFAULT_NAMESPACE)
    return same_kind and same_place and all(mine.get(field) == other.get(field) for field in ("name", "generateName"))


async def _carry_out(cluster: FakeCluster, given: Sequence[Manifest], watcher: Watcher, limit: timedelta) -> None:
    async with anyio.create_task_group() as tasks:
        for kind in (KubernetesExecution, Job, Event):
            tasks.start_soon(watcher.follow, cluster.client, kind)
        for manifest in given:
            await _give(cluster, manifest)
        with anyio.move_on_after(limit.total_seconds()):
            await watcher.finished.wait()
            await cluster.settled()
        tasks.cancel_scope.cancel()


async def _give(cluster: FakeCluster, manifest: Manifest) -> None:
    namespace, _ = _key(manifest)
    body = {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": namespace}}
    await _load(cluster, [Manifest(manifest.source, body)], strict=True)


def _story(manifest: Manifest) -> ExecutionStory:
    namespace, name = _key(manifest)
    spec = manifest.body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    target = spec.get("target")
    target = target if isinstance(target, dict) else {}
    where = "/".join(str(target[part]) for part in ("namespace", "name") if target.get(part))
    return ExecutionStory(namespace, name, manifest.source, str(spec.get("action")), f"{target.get('kind')} {where}")


def _is_execution(manifest: Manifest) -> bool:
    """By kind alone: one under another apiVersion is a mistake to name, not an object to store."""
    return manifest.kind == KubernetesExecution.resource_type.kind


def _check_execution(manifest: Manifest) -> None:
    where, expected = f"{manifest.source}: KubernetesExecution {manifest.name}", KubernetesExecution.resource_type
    if manifest.body["apiVersion"] != expected.api_version:
        given = manifest.body["apiVersion"]
        raise InputError(f"{where}: apiVersion: must be {expected.api_version}, got {given}")
    if not manifest.name:
        raise InputError(f"{where}: metadata.name: must be given; the demo tells executions apart by it")


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest.namespace or DEFAULT_NAMESPACE, manifest.name
