"""A demo of somebody's own: what is in their files becomes the cluster's state, and is carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio

from kubernaut.cli.demo.entries import ENDED, Story
from kubernaut.cli.demo.show import Screen
from kubernaut.cli.demo.stage import LONGEST, Stage
from kubernaut.cli.demo.watching import Key, what_of
from kubernaut.cli.manifests import InputError, Manifest
from kubernaut.cli.tree.growing import phase_of
from kubernaut.cli.tree.kinds import ROOTS
from kubernaut.fake import FakeCluster, Loaded, LoadError, PodScript
from kubernaut.remediation.approval import Decision
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.processing.texts import dig
from kubernaut.remediation.request import RemediationRequest
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container

DEFAULT_NAMESPACE = "default"
BEHAVIOUR = "demo.kubernaut.io/containers"
"""Annotation of a pod: what its containers do, by a name of `BEHAVIOURS`."""
BEHAVIOURS = {
    "crash": PodScript(exit_code=1, run_time=timedelta(seconds=5), log="fatal: crashed on purpose\n"),
    "out-of-memory": PodScript(exit_code=137, reason="OOMKilled", run_time=timedelta(seconds=30)),
    "no-image": PodScript(waiting="ImagePullBackOff", waiting_message="Back-off pulling image"),
    "not-ready": PodScript(ready=False),
}
APPROVER = "demo"
GOES_WRONG = timedelta(minutes=3)
"""Before a request is given, which tells of something that has gone wrong by then."""

_KINDS = {kind.resource_type.kind: kind.resource_type for kind in ROOTS}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a demo starts from: the cluster's state, and what is carried out on it, in its order."""

    state: Sequence[Manifest]
    subjects: Sequence[Manifest]

    @classmethod
    def of(cls, manifests: Sequence[Manifest]) -> Scene:
        """Tell what is carried out from state.

        Raises:
            InputError: two documents give the same subject, or one is of another version or without a name.
        """
        subjects = [m for m in manifests if _is_subject(m)]
        seen: dict[Key, str] = {}
        for manifest in subjects:
            _check(manifest)
            key = key_of(manifest)
            if key in seen:
                raise InputError(
                    f"{manifest.source}: {key[0]} {'/'.join(key[1:])} is given twice, first in {seen[key]}; "
                    f"rename one of them"
                )
            seen[key] = manifest.source
        return cls([m for m in manifests if not _is_subject(m)], subjects)

    @property
    def whole(self) -> bool:
        """Whether more than the controller of executions is needed."""
        return any(each.kind != KubernetesExecution.resource_type.kind for each in self.subjects)


async def carry_out(stage: Stage, scene: Scene, *, approve: bool, limit: timedelta = LONGEST) -> None:
    """Give the subjects to the cluster, and follow them to their ends. Raises InputError where one is refused."""
    stories = stage.watcher.stories
    for manifest in scene.subjects:
        stories[key_of(manifest)] = Story(*key_of(manifest), manifest.source, what_of(manifest.body))
    given = [stories[key_of(manifest)] for manifest in scene.subjects]
    waited = False
    async with anyio.create_task_group() as tasks:
        if approve:
            tasks.start_soon(_approve_all, stage)
        for manifest in scene.subjects:
            if manifest.kind == RemediationRequest.resource_type.kind and not waited:
                waited = True
                await stage.wait(minutes=GOES_WRONG.total_seconds() / 60)
            await _give(stage.cluster, manifest)
        if await stage.watcher.until(lambda: all(story.outcome in ENDED for story in given), limit):
            await stage.cluster.settled()
        tasks.cancel_scope.cancel()


async def load_state(cluster: FakeCluster, state: Sequence[Manifest], screen: Screen) -> None:
    """Put objects into the cluster. Raises InputError where one is refused."""
    for name in (await _load(cluster, state)).invented:
        screen.note(f"no CustomResourceDefinition {name} was given; one that accepts everything serves it here")


def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
    """What a pod's annotation says."""
    return BEHAVIOURS.get((pod.metadata.annotations or {}).get(BEHAVIOUR, ""))


def key_of(manifest: Manifest) -> Key:
    """How a subject is known."""
    return manifest.kind, manifest.namespace or DEFAULT_NAMESPACE, manifest.name


async def _approve_all(stage: Stage) -> None:
    """Somebody who agrees to everything."""
    while True:
        await stage.watcher.until(lambda: bool(_waiting(stage)), LONGEST)
        for asked in _waiting(stage):
            metadata = asked["metadata"]
            stage.person(APPROVER, f"kubernaut approve {metadata['name']} -n {metadata['namespace']}")
            await stage.sign(metadata["name"], metadata["namespace"], Decision.APPROVED, APPROVER, "--approve")
        await stage.cluster.settled()


def _waiting(stage: Stage) -> list[dict[str, Any]]:
    return [
        each
        for each in stage.watcher.all("ApprovalRequest")
        if phase_of(each) == "pending" and not dig(each, "status", "decision")
    ]


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


async def _give(cluster: FakeCluster, manifest: Manifest) -> None:
    _, namespace, _ = key_of(manifest)
    body = {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": namespace}}
    await _load(cluster, [Manifest(manifest.source, body)], strict=True)


def _is_subject(manifest: Manifest) -> bool:
    """By kind alone: one under another apiVersion is a mistake to name, not an object to store."""
    return manifest.kind in _KINDS


def _check(manifest: Manifest) -> None:
    where, expected = f"{manifest.source}: {manifest.kind} {manifest.name}", _KINDS[manifest.kind]
    if manifest.body["apiVersion"] != expected.api_version:
        given = manifest.body["apiVersion"]
        raise InputError(f"{where}: apiVersion: must be {expected.api_version}, got {given}")
    if not manifest.name:
        raise InputError(f"{where}: metadata.name: must be given; the demo tells {manifest.kind}s apart by it")
