"""Turns what happens on the demo's cluster (executions, Jobs, events) into the entries of its timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import anyio

from kubernaut.cli.demo.entries import UNFINISHED, Entry, ExecutionStory
from kubernaut.client import Client
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.resources import Resource
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.timing import current_clock

EXECUTION_ID = "kubernaut.io/execution-id"


class Watcher:
    """Follows the executions of one demo until each has come to its end."""

    def __init__(self, stories: Mapping[tuple[str, str], ExecutionStory], show: Callable[[Entry], None]) -> None:
        self._stories = stories
        self._show = show
        self._seen: set[tuple[str, ...]] = set()
        self.finished = anyio.Event()

    async def follow(self, client: Client, kind: type[Resource]) -> None:
        """Show every change of one kind; runs until it is cancelled."""
        take = {KubernetesExecution: self._execution, Job: self._job, Event: self._event}[kind]
        async with client.watch(kind) as events:
            async for event in events:
                if event.type in ("ADDED", "MODIFIED"):
                    take(event.object.to_dict())

    def _execution(self, body: dict[str, Any]) -> None:
        story = self._stories.get((body["metadata"].get("namespace", ""), body["metadata"]["name"]))
        if story is None:
            return
        status = body.get("status") or {}
        phase = story.take(status)
        for condition in status.get("conditions") or []:
            self._condition(body, condition)
        if phase is not None:
            self._emit("phase", body, phase, story.reason, story.message)
        if all(one.outcome != UNFINISHED for one in self._stories.values()):
            self.finished.set()

    def _condition(self, body: dict[str, Any], condition: dict[str, Any]) -> None:
        state = f"{condition['type']}={condition['status']}"
        if self._is_new("condition", body["metadata"]["uid"], state, str(condition.get("reason"))):
            reason = ", ".join(part for part in (state, condition.get("reason")) if part)
            phase = str((body.get("status") or {}).get("phase") or "")
            self._emit("condition", body, phase, reason, condition.get("message") or "")

    def _job(self, body: dict[str, Any]) -> None:
        if EXECUTION_ID not in (body["metadata"].get("labels") or {}):
            return
        status = body.get("status") or {}
        true = [c for c in status.get("conditions") or [] if c["status"] == "True"]
        ended = [c for c in true if c["type"] in ("Complete", "Failed")]
        phase = ended[0]["type"] if ended else "Running" if status.get("active") else "Created"
        if self._is_new("job", body["metadata"]["uid"], phase):
            argv = body["spec"]["template"]["spec"]["containers"][0]
            command = " ".join([*(argv.get("command") or []), *(argv.get("args") or [])])
            message = (ended[0].get("message") or "") if ended else command if phase == "Created" else ""
            self._emit("job", body, phase, "", message)

    def _event(self, body: dict[str, Any]) -> None:
        regarding = body.get("regarding") or {}
        if regarding.get("kind") != "KubernetesExecution":
            return
        about = {"kind": "KubernetesExecution", "metadata": regarding}
        if self._is_new("event", body["metadata"].get("uid", body["metadata"]["name"])):
            self._emit("event", about, body.get("type") or "", body.get("reason") or "", body.get("note") or "")

    def _is_new(self, *what: str) -> bool:
        if what in self._seen:
            return False
        self._seen.add(what)
        return True

    def _emit(self, aspect: Any, body: Mapping[str, Any], phase: str, reason: str, message: str) -> None:
        metadata = body["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        self._show(Entry(_now(), aspect, body["kind"], namespace, name, phase, reason, message))


def _now() -> datetime:
    return current_clock().now()
