"""Turns what happens on the demo's cluster into the entries of its timeline, and keeps how everything is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import anyio

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.cli.demo.entries import Aspect, Entry, Story
from kubernaut.cli.demo.workloads import look
from kubernaut.cli.tree.describing import command_of, details_of, target_of
from kubernaut.cli.tree.growing import phase_of
from kubernaut.cli.tree.kinds import CHILDREN, ROOTS, plain
from kubernaut.client import Client
from kubernaut.remediation.approval.types import ApprovalRequest
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.processing.texts import dig, mappings
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Node, Pod
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.timing import current_clock

Document = dict[str, Any]
Key = tuple[str, str, str]

OURS: tuple[type[Resource], ...] = (RemediationRequest, *CHILDREN)
AROUND: tuple[type[Resource], ...] = (Job, Event, Deployment, Pod, Node)
FOLLOWED: tuple[type[Resource], ...] = (*OURS, *AROUND)
ALONE: tuple[type[Resource], ...] = (KubernetesExecution, *AROUND)
"""What there is to follow where only executions are carried out."""
TOLD = tuple(kind.resource_type.kind for kind in ROOTS)
"""Kinds of which the story is kept."""
_NAMES = frozenset(kind.resource_type.kind for kind in OURS)
_APPROVAL = ApprovalRequest.resource_type.kind


class Watcher:
    """Follows a cluster. `objects`: everything that is there, of the kinds that are followed, as it is now.

    `stories`: those of requests, workflows and executions, the ones that were given first.
    """

    def __init__(self, show: Callable[[Entry], None], executor_namespace: str) -> None:
        self.objects: dict[Key, Document] = {}
        self.stories: dict[Key, Story] = {}
        self._show = show
        self._executor = executor_namespace
        self._seen: set[tuple[str, ...]] = set()
        self._passed: dict[str, int] = {}
        self._health: dict[Key, tuple[Any, ...]] = {}
        self._began = False
        self._changed = anyio.Event()

    def begin(self) -> None:
        """From now on changes are told; what was there before is how it began."""
        self._began = True
        self._look()

    async def follow(self, client: Client, kind: type[Resource]) -> None:
        """Take in every change of one kind; runs until it is cancelled."""
        async with client.watch(plain(kind)) as events:
            async for event in events:
                if event.type in ("ADDED", "MODIFIED", "DELETED"):
                    self._take(event.object.to_dict(), gone=event.type == "DELETED")

    async def until(self, holds: Callable[[], bool], within: timedelta) -> bool:
        """Wait until something holds of what was seen; False when it does not `within` a time."""
        with anyio.move_on_after(within.total_seconds()):
            while not holds():
                await self._changed.wait()
            return True
        return holds()

    def all(self, kind: str) -> list[Document]:
        """The objects of a kind, in the order in which they came to be known."""
        return [each for (of, _, _), each in self.objects.items() if of == kind]

    def look(self, kind: str, name: str) -> None:
        """Tell how a workload or node is, whether or not that is news."""
        for health in look(self.objects.values(), (self._executor,)):
            if (health.kind, health.name) == (kind, name):
                self._health[health.kind, health.namespace, health.name] = health.key
                self.tell("health", (health.kind, health.namespace, health.name), health.phase, "", health.message)

    def tell(self, aspect: Aspect, key: Key, phase: str, reason: str, message: str) -> None:
        """Show an entry of this moment."""
        self._show(Entry(current_clock().now(), aspect, *key, phase, reason, message))

    def _take(self, body: Document, *, gone: bool) -> None:
        key = _key(body)
        if gone:
            self.objects.pop(key, None)
        else:
            self.objects[key] = body
        kind = body["kind"]
        if kind in _NAMES and not gone:
            self._ours(body, key)
        elif kind == "Job" and not gone:
            self._job(body, key)
        elif kind == "Event" and not gone:
            self._event(body)
        elif kind in ("Deployment", "Pod", "Node"):
            self._look()
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    def _look(self) -> None:
        for health in look(self.objects.values(), (self._executor,)):
            key = (health.kind, health.namespace, health.name)
            if self._health.get(key) == health.key:
                continue
            known = key in self._health
            # Pods come and go while a workload changes: only that it is in trouble, or out of it, is news.
            if health.phase == "unhealthy" and not _in_trouble(health.key):
                continue
            self._health[key] = health.key
            if self._began and (known or health.phase == "unhealthy"):
                self.tell("health", key, health.phase, "", health.message)

    def _ours(self, body: Document, key: Key) -> None:
        status = body.get("status") or {}
        uid = str(dig(body, "metadata", "uid"))
        transitions = mappings(status.get("transitions"))
        if key[0] in TOLD:
            self._story(body, key).take(status, [str(each.get("phase")) for each in transitions])
        for each in transitions[self._passed.get(uid, 0) :]:
            phase, reason, message = (str(each.get(part) or "") for part in ("phase", "reason", "message"))
            self.tell("phase", key, phase, reason, message or _about(body, phase))
        self._passed[uid] = len(transitions)
        for condition in mappings(status.get("conditions")):
            self._condition(key, uid, phase_of(body), condition)
        if key[0] == _APPROVAL:
            self._approval(body, key, uid)

    def _story(self, body: Document, key: Key) -> Story:
        if key not in self.stories:
            owners = mappings(dig(body, "metadata", "ownerReferences"))
            owner = next((each for each in owners if each.get("controller")), None)
            source = f"{owner.get('kind')} {owner.get('name')}" if owner else "the gateway"
            self.stories[key] = Story(*key, source, what_of(body), child=owner is not None)
        return self.stories[key]

    def _approval(self, body: Document, key: Key, uid: str) -> None:
        phase = str(dig(body, "status", "decision") or dig(body, "status", "phase") or "pending")
        if not self._is_new("approval", uid, phase):
            return
        spec = body.get("spec") or {}
        if phase == "pending":
            reasons = [str(each) for each in spec.get("reasons") or []]
            self.tell("approval", key, phase, "; ".join(reasons), str(spec.get("summary") or ""))
            return
        who = str(dig(body, "status", "decidedBy", "username") or "")
        said = str(dig(body, "status", "reason") or "")
        self.tell("approval", key, phase, f"by {who}" if who else "", said)

    def _condition(self, key: Key, uid: str, phase: str, condition: Mapping[str, Any]) -> None:
        state = f"{condition.get('type')}={condition.get('status')}"
        if self._is_new("condition", uid, state, str(condition.get("reason"))):
            reason = ", ".join(part for part in (state, condition.get("reason")) if part)
            self.tell("condition", key, phase, reason, str(condition.get("message") or ""))

    def _job(self, body: Document, key: Key) -> None:
        if LABEL_EXECUTION_ID not in (dig(body, "metadata", "labels") or {}):
            return
        status = body.get("status") or {}
        true = [c for c in mappings(status.get("conditions")) if c.get("status") == "True"]
        ended = [c for c in true if c.get("type") in ("Complete", "Failed")]
        phase = str(ended[0]["type"]) if ended else "Running" if status.get("active") else "Created"
        if self._is_new("job", str(dig(body, "metadata", "uid")), phase):
            message = str(ended[0].get("message") or "") if ended else command_of(body) if phase == "Created" else ""
            self.tell("job", key, phase, "", message)

    def _event(self, body: Document) -> None:
        regarding = body.get("regarding") or {}
        if regarding.get("kind") not in _NAMES:
            return
        if self._is_new("event", str(dig(body, "metadata", "uid") or dig(body, "metadata", "name"))):
            key = (regarding["kind"], regarding.get("namespace", ""), regarding.get("name", ""))
            told = (str(body.get(field) or "") for field in ("type", "reason", "note"))
            self.tell("event", key, *told)

    def _is_new(self, *what: str) -> bool:
        if what in self._seen:
            return False
        self._seen.add(what)
        return True


def what_of(body: Mapping[str, Any]) -> str:
    """What an object is about: `scale-deployment on Deployment shop/web`."""
    spec = body.get("spec")
    if body.get("kind") == "KubernetesExecution":
        return f"{dig(spec, 'action')} on {target_of(dig(spec, 'target'))}"
    if body.get("kind") == "WorkflowExecution":
        return ", ".join(str(step.get("action")) for step in mappings(dig(spec, "steps")))
    return f"{dig(spec, 'signal', 'name')} on {target_of(dig(spec, 'target'))}"


def _about(body: Document, phase: str) -> str:
    """What a person wants to know when an object enters a phase that says nothing of itself."""
    details, kind = details_of(body), body["kind"]
    if kind == "RemediationRequest" and phase == "pending":
        return what_of(body)
    if kind == "KubernetesExecution" and phase == "validating":
        return str(details.get("action", ""))
    if kind == "KubernetesExecution" and phase in ("rollback_ready", "completed"):
        return str(details.get("result", ""))
    if kind == "RemediationProcessing" and phase == "completed":
        return str(details.get("facts", ""))
    if kind == "AIAnalysis" and phase == "completed":
        told: Iterable[Any] = (details.get("root cause"), *details.get("proposed", ()), details.get("recommendation"))
        return "; ".join(str(each) for each in told if each)
    return ""


def _in_trouble(key: tuple[Any, ...]) -> bool:
    """Whether something is wrong, and not only on its way."""
    return any(key[1:2]) if len(key) == 4 else True


def _key(body: Document) -> Key:
    metadata = body["metadata"]
    return body["kind"], metadata.get("namespace", ""), metadata["name"]
