"""The facts that templates may name, taken from what a rule was held by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from kubernaut.remediation.analysis.analyzer import AnalysisInput
from kubernaut.remediation.analysis.rules.matching import Change, Found, said
from kubernaut.remediation.processing.types import ContainerFact


def values_of(found: Found, question: AnalysisInput) -> dict[str, str | int]:
    """What templates may name, as far as the facts tell; see `kubernaut.remediation.analysis.rules.templates.NAMES`."""
    return {name: value for name, value in _values(found, question) if value not in ("", None)}


def _values(found: Found, question: AnalysisInput) -> Iterator[tuple[str, str | int]]:
    signal, target = question.signal, question.target
    yield from (("signal.name", signal.name), ("signal.severity", signal.severity))
    yield from (("target.kind", target.kind), ("target.name", target.name))
    yield "target.namespace", target.namespace or ""
    yield "workload.kind", found.workload.kind if found.workload else target.kind
    yield "workload.name", found.workload.name if found.workload else target.name
    if found.workload is not None:
        yield "workload.replicas", found.workload.summary.get("replicas", "")
    if found.pod is not None:
        yield from (("pod.name", found.pod.name), ("pod.node", found.pod.node), ("pod.reason", found.pod.reason))
    if found.container is not None:
        yield from _of_container(found.container)
    if found.event is not None:
        event = found.event
        yield from (("event.reason", event.reason), ("event.message", event.message), ("event.object", event.object))
        yield "event.count", event.count
    if found.node is not None:
        yield from (("node.name", found.node.name), ("node.condition", found.condition))
        yield "node.status", said(found.node.conditions.get(found.condition, ""))[0]
    if found.autoscaler is not None:
        maximum = int(found.autoscaler.summary["maximum"])
        yield from (("autoscaler.name", found.autoscaler.name), ("autoscaler.maximum", maximum))
        yield "autoscaler.raised", maximum + max(1, maximum // 2)
    if found.change is not None:
        yield from _of_change(found.change, found.container, question)
    if question.recovery is not None:
        recovery = question.recovery
        yield from (("recovery.attempt", recovery.attempt), ("recovery.failedAction", recovery.failed_action or ""))
        yield "recovery.errorType", recovery.error_type or ""


def _of_container(container: ContainerFact) -> Iterator[tuple[str, str | int]]:
    yield from (("container.name", container.name), ("container.image", container.image))
    yield from (("container.waiting", container.waiting), ("container.terminated", container.terminated))
    yield "container.restarts", container.restarts
    yield "container.lastLine", container.log_tail.rstrip("\n").rpartition("\n")[2]
    if container.exit_code is not None:
        yield "container.exitCode", container.exit_code


def _of_change(
    change: Change, container: ContainerFact | None, question: AnalysisInput
) -> Iterator[tuple[str, str | int]]:
    yield from (("revision.current", change.current.revision), ("revision.previous", change.previous.revision))
    if container is not None:
        yield "revision.image", change.current.containers.get(container.name, "")
        yield "revision.previousImage", change.previous.containers.get(container.name, "")
    began = question.signal.starts_at or question.asked_at
    minutes = max(0, round((began - change.time) / timedelta(minutes=1)))
    yield "revision.age", f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
