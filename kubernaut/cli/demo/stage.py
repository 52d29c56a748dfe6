"""What a scenario plays on: a cluster with all of kubernaut in it, and the people and programs around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx

from kubernaut.cli.demo.changes import ObjectChange, changes
from kubernaut.cli.demo.entries import ENDED
from kubernaut.cli.demo.machinery import Machinery
from kubernaut.cli.demo.watching import ALONE, FOLLOWED, Document, Key, Watcher
from kubernaut.cli.tree.growing import grown, phase_of
from kubernaut.cli.tree.kinds import ORDER
from kubernaut.cli.tree.model import Branch
from kubernaut.client import Client, StrategicMergePatch
from kubernaut.fake import FakeCluster
from kubernaut.remediation.approval import ApprovalRequest, Decision, decide
from kubernaut.remediation.gateway import PATH
from kubernaut.resources import format_time
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.timing import current_clock

LONGEST = timedelta(hours=2)
"""Longer than every limit of a request or an execution together; by then it has ended or never will."""
NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager sends as the end of what has none."""
SOON = timedelta(minutes=10)


class NotAsTold(Exception):
    """The scenario cannot go on: what it waits for does not come."""


@dataclass(slots=True)
class Stage:
    """The cluster, and the verbs of a scenario. Everything done here is told."""

    cluster: FakeCluster
    machinery: Machinery
    watcher: Watcher
    gateway: httpx.AsyncClient
    name: str = ""
    before: list[Document] = field(default_factory=list)
    firing: dict[str, tuple[datetime, dict[str, str]]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.cluster.client

    # What is told.

    def say(self, text: str) -> None:
        """A word of the scenario's, before what it is about."""
        self.watcher.tell("story", ("Scenario", "", self.name), "", "", text)

    def person(self, name: str, text: str) -> None:
        """What somebody does."""
        self.watcher.tell("person", ("Person", "", name), "", "", text)

    def look(self, kind: str, name: str) -> None:
        """How a workload or node is."""
        self.watcher.look(kind, name)

    # What happens.

    async def wait(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        await anyio.sleep(timedelta(minutes=minutes, seconds=seconds).total_seconds())

    async def set_image(self, namespace: str, name: str, image: str, who: str = "alice") -> None:
        """Roll out another image, as `kubectl set image` does."""
        self.person(who, f"kubectl -n {namespace} set image deployment/{name} {name}={image}")
        await self.patch_container(namespace, name, {"name": name, "image": image})

    async def patch_container(self, namespace: str, name: str, container: Mapping[str, Any]) -> None:
        """Change a container of a Deployment; what is not given stays."""
        patch = StrategicMergePatch({"spec": {"template": {"spec": {"containers": [dict(container)]}}}})
        await self.client.patch(Deployment, name, patch, namespace=namespace)

    async def lose_node(self, name: str) -> None:
        """The node's kubelet says that it cannot run pods."""
        node = await self.client.get(Node, name)
        for condition in node.status.conditions:
            if condition.type == "Ready":
                condition.status, condition.reason = "False", "KubeletNotReady"
                condition.message = "container runtime is down"
        await self.client.update_status(node)

    async def alert(self, name: str, *, ended: bool = False, severity: str = "critical", **labels: str) -> None:
        """Alertmanager sends a notification to the gateway, which answers; without labels it repeats one."""
        now = current_clock().now()
        started, given = self.firing.setdefault(name, (now, {"alertname": name, "severity": severity, **labels}))
        sent = {
            "status": "resolved" if ended else "firing",
            "labels": given,
            "annotations": {},
            "startsAt": format_time(started),
            "endsAt": format_time(now) if ended else NEVER,
            "fingerprint": f"{abs(hash_of(given)):016x}",
        }
        body = {"version": "4", "receiver": "kubernaut", "status": sent["status"], "alerts": [sent]}
        key = ("Alert", given.get("namespace", ""), name)
        told = ", ".join(f"{label}={value}" for label, value in given.items() if label != "alertname")
        self.watcher.tell("alert", key, str(sent["status"]), "", f"Alertmanager posts it to the gateway: {told}")
        answer = await self.gateway.post(PATH, json=body)
        results = answer.json().get("alerts") or [{}]
        outcome, request = str(results[0].get("outcome")), results[0].get("request") or {}
        about = f"RemediationRequest {request.get('name')}" if request else str(results[0].get("message") or "")
        self.watcher.tell("alert", key, outcome, f"HTTP {answer.status_code}", about)

    def broken_now(self) -> None:
        """What changes from here on is what the remediation did."""
        self.before = self.cluster.dump()

    async def until(self, what: str, holds: Callable[[], bool], within: timedelta = LONGEST) -> None:
        """Raises NotAsTold when it does not come."""
        if not await self.watcher.until(holds, within):
            raise NotAsTold(f"waited in vain for {what}")

    async def until_phase(self, kind: str, *phases: str, index: int = 0, within: timedelta = LONGEST) -> str:
        """Wait until the object of a kind, by its turn, is in one of the phases; its name. Raises NotAsTold."""
        await self.until(
            f"{kind} {index} to be {' or '.join(phases)}", lambda: self._phase(kind, index) in phases, within
        )
        name: str = self.watcher.all(kind)[index]["metadata"]["name"]
        return name

    async def until_ended(self, count: int = 1) -> None:
        """Wait until so many requests have come to their ends, and until nothing happens any more. Raises NotAsTold."""

        def ended() -> bool:
            requests = self.watcher.all("RemediationRequest")
            return len(requests) >= count and all(phase_of(each) in ENDED for each in requests)

        await self.until("all requests to end", ended)
        await self.cluster.settled()

    async def decide(self, decision: Decision, who: str, reason: str, *, after_minutes: float = 4) -> None:
        """Somebody decides about what waits for an approval. Raises NotAsTold where nothing does."""

        def waiting() -> list[Document]:
            return [each for each in self.watcher.all("ApprovalRequest") if phase_of(each) == "pending"]

        await self.until("an approval to be asked for", lambda: bool(waiting()), SOON)
        await self.wait(minutes=after_minutes)
        asked = waiting()[0]["metadata"]
        verb = "approve" if decision is Decision.APPROVED else "reject"
        self.person(who, f'kubernaut {verb} {asked["name"]} -n {asked["namespace"]} --reason "{reason}"')
        await self.sign(asked["name"], asked["namespace"], decision, who, reason)

    async def sign(self, name: str, namespace: str, decision: Decision, who: str, reason: str) -> None:
        """Write a decision."""
        request = await self.client.get(ApprovalRequest, name, namespace=namespace)
        await decide(self.client, request, decision, reason, now=current_clock().now(), sign_as=who)

    # What came of it.

    def changed(self) -> list[ObjectChange]:
        """What is different from before."""
        ignored = frozenset({self.machinery.executor_namespace})
        return changes(self.before, self.cluster.dump(), ignored_namespaces=ignored)

    def trees(self) -> list[Branch]:
        """Each subject with everything that belongs to it."""
        documents = [each for each in self.cluster.dump() if each["kind"] in ORDER]
        by_key: dict[Key, Document] = {_key(each): each for each in documents}
        now = current_clock().now()
        roots = [key for key, story in self.watcher.stories.items() if not story.child]
        return [grown(by_key[key], documents, now) for key in roots if key in by_key]

    def _phase(self, kind: str, index: int) -> str:
        found = self.watcher.all(kind)
        return phase_of(found[index]) if index < len(found) else ""


@asynccontextmanager
async def opened(
    cluster: FakeCluster, machinery: Machinery, watcher: Watcher, name: str = "", *, whole: bool = True
) -> AsyncIterator[Stage]:
    """A stage on which everything runs, and is followed. `whole`: all controllers, else that of executions alone."""
    app = machinery.gateway(cluster.client)
    transport = httpx.ASGITransport(app=app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://kubernaut-gateway") as gateway,
        cluster.running(*machinery.controllers(whole=whole)),
        anyio.create_task_group() as tasks,
    ):
        for kind in FOLLOWED if whole else ALONE:
            tasks.start_soon(watcher.follow, cluster.client, kind)
        await cluster.settled()
        yield Stage(cluster, machinery, watcher, gateway, name, cluster.dump())
        tasks.cancel_scope.cancel()


def hash_of(labels: Mapping[str, str]) -> int:
    """A number that is the same for the same labels, in every process."""
    text = "\n".join(f"{name}={labels[name]}" for name in sorted(labels))
    number = 0
    for byte in text.encode():
        number = (number * 1099511628211 + byte) % 2**64
    return number


def _key(body: Document) -> Key:
    metadata = body["metadata"]
    return body["kind"], metadata.get("namespace", ""), metadata["name"]
