"""The garbage collector: deletes what no existing object owns, and finishes foreground and orphaning deletions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from random import Random

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import ApiError, Client, Conflict, MergePatch, NotFound, ObjectHead, OwnerHead
from kubernaut.fake.controlplane.discovery import deletable_kinds
from kubernaut.reconcile import Change, ChangeType, EventRecorder, Informer, Queue, Scope
from kubernaut.resources import AnyResource, ResourceType
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class _Node:
    """One object of the graph."""

    rt: ResourceType
    head: ObjectHead

    @property
    def model(self) -> type[AnyResource]:
        return AnyResource.of(self.rt.api_version, self.rt.kind, self.rt.plural, self.rt.namespaced)


class GarbageCollector:
    """Watches every kind there is, those of CRDs that come later included, and keeps the graph of who owns whom.

    It is no `Reconciler`: its objects are of all kinds, and what it is asked about is a uid.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: Queue[str] = Queue()
        self._nodes: dict[str, _Node] = {}
        # By the owner's uid; a dict for its order. It may hold owners that do not exist.
        self._dependents: dict[str, dict[str, None]] = {}
        self._watched: dict[str, ResourceType] = {}
        self._look_again = anyio.Event()
        self._events = EventRecorder(client, controller="garbage-collector-controller", random=Random("gc/events"))

    async def run(self) -> None:
        """Collect until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._work, name="gc/worker")
            group.start_soon(self._events.run, name="gc/events")
            while True:
                await self._watch_new_kinds(group)
                await self._look_again.wait()
                self._look_again = anyio.Event()

    async def _watch_new_kinds(self, group: TaskGroup) -> None:
        for rt in await deletable_kinds(self._client):
            if rt.group_resource in self._watched:
                continue
            self._watched[rt.group_resource] = rt
            informer = Informer(self._client, Scope.of(rt, None), random=Random(f"gc/{rt.group_resource}"))
            informer.add_handler(partial(self._observe, rt))
            group.start_soon(informer.run, name=f"gc/{rt.group_resource}")

    def _observe(self, rt: ResourceType, change: Change) -> None:
        head = change.new.head
        if rt.group_resource == CustomResourceDefinition.resource_type.group_resource:
            self._look_again.set()
        known = self._nodes.get(head.uid)
        for owner in (*(known.head.owner_references if known else ()), *head.owner_references):
            self._dependents.setdefault(owner.uid, {}).pop(head.uid, None)
        if change.type is ChangeType.DELETED:
            self._nodes.pop(head.uid, None)
            self._add(*self._dependents.get(head.uid, ()))
        else:
            self._nodes[head.uid] = _Node(rt, head)
            for owner in head.owner_references:
                self._dependents[owner.uid][head.uid] = None
            self._add(head.uid)
        owners = (*(known.head.owner_references if known else ()), *head.owner_references)
        self._add(*(owner.uid for owner in owners if self._is_going(owner.uid)))

    def _is_going(self, uid: str) -> bool:
        node = self._nodes.get(uid)
        return node is not None and node.head.deletion_timestamp is not None

    def _add(self, *uids: str) -> None:
        for uid in uids:
            self._queue.add(uid)

    async def _work(self) -> None:
        while True:
            uid = await self._queue.get()
            try:
                await self._process(uid)
            except ApiError:
                self._queue.add_rate_limited(uid)
            else:
                self._queue.forget(uid)
            finally:
                self._queue.done(uid)

    async def _process(self, uid: str) -> None:
        node = self._nodes.get(uid)
        if node is None:
            return
        if node.head.deletion_timestamp is not None:
            if _ORPHAN in node.head.finalizers:
                await self._orphan(node)
            elif _FOREGROUND in node.head.finalizers:
                await self._delete_dependents(node)
            return
        if node.head.owner_references:
            await self._weigh(node)

    async def _weigh(self, node: _Node) -> None:
        """Delete what no owner holds any more; drop single references to owners that do not, where another does."""
        solid, waiting, dangling = [], [], []
        for owner in node.head.owner_references:
            if not await self._exists(owner, node):
                dangling.append(owner)
            elif owner.block_owner_deletion and self._waits_for_dependents(owner.uid):
                waiting.append(owner)
            else:
                solid.append(owner)
        if solid:
            if dangling or waiting:
                await self._drop_references(node, {owner.uid for owner in (*dangling, *waiting)})
        elif waiting and self._dependents.get(node.head.uid):
            await self._delete(node, foreground=True)
        else:
            await self._delete(node)

    def _waits_for_dependents(self, uid: str) -> bool:
        known = self._nodes.get(uid)
        return known is not None and self._is_going(uid) and _FOREGROUND in known.head.finalizers

    async def _drop_references(self, node: _Node, uids: Collection[str]) -> None:
        try:
            live = await self._client.get(node.model, node.head.name, namespace=node.head.namespace)
            if live.uid != node.head.uid:
                return
            rest = [r.to_dict() for r in live.metadata.owner_references if r.uid not in uids]
            version = live.metadata.resource_version
            await self._patch(node, {"uid": node.head.uid, "resourceVersion": version, "ownerReferences": rest or None})
        except NotFound:
            return

    async def _exists(self, owner: OwnerHead, dependent: _Node) -> bool:
        known = self._nodes.get(owner.uid)
        if known is not None:
            if not known.rt.namespaced or known.head.namespace == dependent.head.namespace:
                return True
            # An owner in another namespace is no owner.
            self._tell_wrong_namespace(owner, dependent)
            return False
        rt = self._kind_of(owner)
        if rt is None:
            # A kind that nobody serves (yet): nothing can be said of its objects.
            return True
        namespace = dependent.head.namespace if rt.namespaced else None
        if rt.namespaced and namespace is None:
            return False
        try:
            live = await self._client.get(_Node(rt, dependent.head).model, owner.name, namespace=namespace)
        except NotFound:
            return False
        return live.uid == owner.uid

    def _tell_wrong_namespace(self, owner: OwnerHead, dependent: _Node) -> None:
        reference = {
            "apiVersion": dependent.rt.api_version,
            "kind": dependent.rt.kind,
            "namespace": dependent.head.namespace or "",
            "name": dependent.head.name,
            "uid": dependent.head.uid,
        }
        where = f"namespace: {dependent.head.namespace or ''}, name: {owner.name}, uid: {owner.uid}"
        words = f'ownerRef [{owner.api_version}/{owner.kind}, {where}] does not exist in namespace "'
        words += f'{dependent.head.namespace or ""}"'
        self._events.event(reference, "OwnerRefInvalidNamespace", words, type="Warning", action="Collect")

    def _kind_of(self, owner: OwnerHead) -> ResourceType | None:
        group = owner.api_version.rpartition("/")[0]
        return next((rt for rt in self._watched.values() if (rt.group, rt.kind) == (group, owner.kind)), None)

    async def _delete_dependents(self, owner: _Node) -> None:
        """Foreground: the owner goes after the dependents that block it."""
        blocked = False
        for uid in list(self._dependents.get(owner.head.uid, ())):
            node = self._nodes.get(uid)
            if node is None:
                continue
            if not any(r.uid == owner.head.uid and r.block_owner_deletion for r in node.head.owner_references):
                continue
            blocked = True
            if node.head.deletion_timestamp is None:
                await self._weigh(node)
        if not blocked:
            await self._remove_finalizer(owner, _FOREGROUND)

    async def _orphan(self, owner: _Node) -> None:
        for uid in list(self._dependents.get(owner.head.uid, ())):
            node = self._nodes.get(uid)
            if node is None:
                continue
            try:
                live = await self._client.get(node.model, node.head.name, namespace=node.head.namespace)
                rest = [r.to_dict() for r in live.metadata.owner_references if r.uid != owner.head.uid]
                await self._patch(node, {"uid": uid, "ownerReferences": rest or None})
            except NotFound:
                continue
        await self._remove_finalizer(owner, _ORPHAN)

    async def _remove_finalizer(self, node: _Node, finalizer: str) -> None:
        rest = [name for name in node.head.finalizers if name != finalizer]
        version = node.head.resource_version
        try:
            await self._patch(node, {"uid": node.head.uid, "resourceVersion": version, "finalizers": rest or None})
        except NotFound:
            return

    async def _patch(self, node: _Node, metadata: dict[str, object]) -> None:
        patch = MergePatch({"metadata": metadata})
        await self._client.patch(node.model, node.head.name, patch, namespace=node.head.namespace)

    async def _delete(self, node: _Node, *, foreground: bool = False) -> None:
        try:
            await self._client.delete(
                node.model,
                node.head.name,
                namespace=node.head.namespace,
                uid=node.head.uid,
                propagation="Foreground" if foreground else "Background",
            )
        except (NotFound, Conflict):
            # Gone, or replaced by another of that name: its event will come.
            return
