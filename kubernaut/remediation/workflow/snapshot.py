"""What the world looked like when a workflow failed: bounded, and without what Secrets hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.execution.secretdata import REDACTED
from kubernaut.remediation.machine import cut
from kubernaut.remediation.workflow.reading import kind_of, read
from kubernaut.remediation.workflow.sight import may_see
from kubernaut.remediation.workflow.types import ExecutionSnapshot, SnapshotStep, StepState, StepStatus
from kubernaut.remediation.workflow.work import Work

TEXT = 1024
SHORT = 512
RESOURCE = 16 * 1024
TARGETS = 8
"""Targets that the snapshot tells of."""
_OPAQUE = ("data", "binaryData", "stringData")
_LEFT_OUT = ("args", "command", "annotations", "httpHeaders")
"""Where passwords are written in the open."""
_STATUS_OF: Mapping[str, Any] = {
    StepState.COMPLETED: "completed",
    StepState.ROLLED_BACK: "completed",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
}


def snapshot_steps(work: Work) -> list[SnapshotStep]:
    """The steps that have ended, in their order."""
    steps = work.workflow.spec.steps
    return [
        SnapshotStep(
            step_index=index,
            action=steps[index].action,
            status=_STATUS_OF[known.state],
            duration=_duration(known),
            output=cut(known.output, TEXT) if known.output else None,
            error=cut(known.message, TEXT) if known.message and known.state == StepState.FAILED else None,
        )
        for index, known in enumerate(work.status.steps)
        if known.state in _STATUS_OF
    ]


def _duration(step: StepStatus) -> Any:
    return step.completion_time - step.start_time if step.start_time and step.completion_time else None


async def take_snapshot(work: Work, snapshot: ExecutionSnapshot) -> None:
    """Read the targets that the requester may see, as far as they can be read: a failure must not get lost because of
    it."""
    if snapshot.cluster_state or snapshot.resource_snapshot:
        return
    targets = {str(step.target.to_dict()): step.target for step in work.workflow.spec.steps}
    if work.workflow.spec.target is not None:
        targets = {"": work.workflow.spec.target, **targets}
    first = None
    for target in list(targets.values())[:TARGETS]:
        kind = kind_of(work.config, target)
        if kind is None or (kind.namespaced and not target.namespace):
            continue
        name = cut(f"{kind.kind}/{target.name}", SHORT)
        try:
            if not await may_see(work, kind, target.namespace, target.name):
                continue
            live = await read(work.ctx.client, kind, target.namespace, target.name)
            if live is None:
                snapshot.cluster_state[name] = "NotFound"
                continue
            first = first or live
            health = await work.config.monitor.look(work.ctx.client, kind, live)
        except Exception as error:
            # Of the API, or of a monitor that does not bear what it sees.
            work.ctx.log.info("a target could not be read for the snapshot", target=name, error=str(error))
            continue
        snapshot.cluster_state[name] = cut(redact(health.message), SHORT) if health else "exists"
    snapshot.resource_snapshot = resource_text(first) if first is not None else ""


def resource_text(live: Mapping[str, Any]) -> str:
    """An object as JSON of at most 16 KiB, without what may hold secrets; the less telling parts give way first."""
    metadata = live.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "namespace", "uid", "generation", "labels") if metadata.get(key)}
    head = {"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), "metadata": kept}
    rest = {key: _without_values(live[key]) for key in ("spec", "status") if key in live}
    named = {**head, "metadata": {key: value for key, value in kept.items() if key != "labels"}}
    for document in ({**head, **rest}, {**head, "status": rest.get("status")}, named):
        text = redact(json.dumps(document, sort_keys=True, separators=(",", ":"), default=str))
        if len(text.encode(errors="replace")) <= RESOURCE:
            return text
    return ""


def _without_values(value: Any) -> Any:
    """The value without what environment variables are set to, command lines, annotations and opaque data."""
    if isinstance(value, Mapping):
        kept = {key: each for key, each in value.items() if key not in _LEFT_OUT}
        return {key: REDACTED if key in _OPAQUE else _member(key, each) for key, each in kept.items()}
    return [_without_values(each) for each in value] if isinstance(value, list) else value


def _member(key: str, value: Any) -> Any:
    if key != "env" or not isinstance(value, list):
        return _without_values(value)
    return [
        {**each, "value": REDACTED} if isinstance(each, Mapping) and "value" in each else _without_values(each)
        for each in value
    ]
