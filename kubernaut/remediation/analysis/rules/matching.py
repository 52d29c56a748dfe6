"""Whether a rule holds for a question, and the facts that it was held by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from kubernaut.remediation.analysis.analyzer import AnalysisInput
from kubernaut.remediation.analysis.rules.model import (
    AutoscalerMatch,
    ChangeMatch,
    ContainerMatch,
    EventMatch,
    Match,
    NodeMatch,
    PodMatch,
    RecoveryMatch,
)
from kubernaut.remediation.processing.types import (
    ContainerFact,
    EventFact,
    Facts,
    ObjectFact,
    PodFact,
    RevisionFact,
)

SLACK = timedelta(minutes=5)
"""How long after the beginning of a signal a change may still have been its cause: clocks and alerts are not exact."""


@dataclass(slots=True)
class Found:
    """What a match was held by."""

    workload: ObjectFact | None = None
    pod: PodFact | None = None
    container: ContainerFact | None = None
    event: EventFact | None = None
    node: ObjectFact | None = None
    condition: str = ""
    autoscaler: ObjectFact | None = None
    change: Change | None = None
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of a workload: from `previous` to `current`, at `time`."""

    current: RevisionFact
    previous: RevisionFact
    time: datetime


def find(match: Match, question: AnalysisInput) -> Found | None:
    """What holds `match`; None where it does not hold."""
    facts = question.facts or Facts()
    found = Found(workload=facts.target)
    if not _signal(match, question) or not _workload(match, question, facts, found):
        return None
    parts: tuple[Callable[[], bool], ...] = (
        lambda: match.container is None or _container(match.container, match, facts, found),
        lambda: match.pod is None or match.container is not None or _pod(match, facts, found),
        lambda: match.event is None or _event(match.event, facts, found),
        lambda: match.node is None or _node(match.node, facts, found),
        lambda: match.autoscaler is None or _autoscaler(match.autoscaler, facts, found),
        lambda: match.changed is None or _changed(match.changed, question, facts),
        lambda: match.recovery is None or _recovery(match.recovery, question),
    )
    if not all(part() for part in parts):
        return None
    found.change = last_change(facts.revisions)
    return found


def last_change(revisions: Iterable[RevisionFact]) -> Change | None:
    """The last change of what the pods are made of; None where there is no earlier revision that is different."""
    ordered = sorted(revisions, key=lambda each: -each.revision)
    current = next((each for each in ordered if each.current), None)
    if current is None:
        return None
    time = current.created
    for each in ordered:
        if each.revision >= current.revision:
            continue
        if each.template != current.template:
            return Change(current, each, time) if time is not None else None
        # Restarted since: it was the earlier one that changed something.
        time = min(time, each.created) if time is not None and each.created is not None else time
    return None


def _signal(match: Match, question: AnalysisInput) -> bool:
    signal = question.signal
    return (
        _globbed(match.signals, signal.name)
        and _one_of(match.severities, signal.severity)
        and all(fnmatchcase(signal.labels.get(key, ""), glob) for key, glob in (match.labels or {}).items())
        and _one_of(match.targets, question.target.kind)
    )


def _workload(match: Match, question: AnalysisInput, facts: Facts, found: Found) -> bool:
    if not _one_of(match.environments, facts.environment):
        return False
    if match.workloads is not None:
        chain = [*([facts.target] if facts.target else ()), *facts.owners]
        found.workload = next((each for each in chain if each.kind in (match.workloads or ())), None)
        if found.workload is None:
            return False
    conditions = found.workload.conditions if found.workload else {}
    return all(set(words) & set(said(conditions.get(type, ""))) for type, words in (match.conditions or {}).items())


def said(condition: str) -> tuple[str, str]:
    """The status and the reason of a condition as a fact tells it."""
    status, _, rest = condition.partition(" ")
    return status, rest.partition(":")[0].strip()


def _pods(match: Match, facts: Facts) -> list[PodFact]:
    """The pods that hold what is asked of them and of their nodes."""
    pods = [pod for pod in facts.pods if match.pod is None or _pod_holds(match.pod, pod)]
    if match.node is None:
        return pods
    bad = {node.name for node in facts.nodes if _broken(match.node, node) is not None}
    return [pod for pod in pods if pod.node in bad]


def _container(match: ContainerMatch, match_all: Match, facts: Facts, found: Found) -> bool:
    for pod in _pods(match_all, facts):
        for container in pod.containers:
            if _container_holds(match, container):
                found.pod, found.container = pod, container
                found.told.append(_seen(pod, container))
                return True
    return False


def _container_holds(match: ContainerMatch, container: ContainerFact) -> bool:
    return (
        _one_of(match.waiting, container.waiting)
        and _one_of(match.terminated, container.terminated)
        and (match.exit_codes is None or container.exit_code in match.exit_codes)
        and (match.restarts_at_least is None or container.restarts >= match.restarts_at_least)
        and _contains(match.logs, container.log_tail)
    )


def _seen(pod: PodFact, container: ContainerFact) -> str:
    told = [f"container {container.name}", container.state, container.last_state and f"last {container.last_state}"]
    return f"pod/{pod.name}: " + ", ".join([*filter(None, told), f"{container.restarts} restarts"])


def _pod(match: Match, facts: Facts, found: Found) -> bool:
    found.pod = next(iter(_pods(match, facts)), None)
    if found.pod is not None:
        found.told.append(f"pod/{found.pod.name}: {found.pod.phase} {found.pod.reason}".strip())
    return found.pod is not None


def _pod_holds(match: PodMatch, pod: PodFact) -> bool:
    return (
        _one_of(match.phases, pod.phase)
        and match.ready in (None, pod.ready)
        and (match.reasons is None or any(pod.reason.startswith(reason) for reason in match.reasons))
    )


def _event(match: EventMatch, facts: Facts, found: Found) -> bool:
    held = (each for each in facts.events if each.reason in match.reasons and _contains(match.messages, each.message))
    found.event = next(held, None)
    if found.event is not None:
        found.told.append(f"{found.event.object}: {found.event.reason}: {found.event.message}")
    return found.event is not None


def _node(match: NodeMatch, facts: Facts, found: Found) -> bool:
    # That of the pod that was matched is meant where there is one.
    on = found.pod.node if found.pod is not None else ""
    for node in [each for each in facts.nodes if on in ("", each.name)]:
        condition = _broken(match, node)
        if condition is not None:
            found.node, found.condition = node, condition
            found.told.append(f"node/{node.name}: {condition} is {node.conditions[condition]}")
            return True
    return False


def _broken(match: NodeMatch, node: ObjectFact) -> str | None:
    """The condition of a node that is one of those asked for."""
    return next(
        (type for type, words in match.conditions.items() if said(node.conditions.get(type, ""))[0] in words), None
    )


def _autoscaler(match: AutoscalerMatch, facts: Facts, found: Found) -> bool:
    candidates = [*([facts.target] if facts.target else ()), *facts.related]
    found.autoscaler = next((each for each in candidates if _at_maximum(each)), None)
    if found.autoscaler is not None:
        told = ", ".join(f"{key} {value}" for key, value in found.autoscaler.summary.items())
        found.told.append(f"autoscaler/{found.autoscaler.name}: {told}")
    return found.autoscaler is not None


def _at_maximum(each: ObjectFact) -> bool:
    desired, maximum = each.summary.get("desired", ""), each.summary.get("maximum", "")
    return desired.isdecimal() and maximum.isdecimal() and 0 < int(maximum) <= int(desired)


def _changed(match: ChangeMatch, question: AnalysisInput, facts: Facts) -> bool:
    change = last_change(facts.revisions)
    if change is None:
        return False
    began = question.signal.starts_at or question.asked_at
    return began - match.within <= change.time <= began + SLACK


def _recovery(match: RecoveryMatch, question: AnalysisInput) -> bool:
    recovery = question.recovery
    attempt = recovery.attempt if recovery else 0
    return (
        (match.attempts is None or attempt in match.attempts)
        and _one_of(match.failed_actions, (recovery.failed_action if recovery else "") or "")
        and _one_of(match.error_types, (recovery.error_type if recovery else "") or "")
    )


def _one_of(words: Iterable[str] | None, found: str) -> bool:
    return words is None or found in words


def _globbed(words: Iterable[str] | None, found: str) -> bool:
    return words is None or any(fnmatchcase(found, word) for word in words)


def _contains(words: Iterable[str] | None, text: str) -> bool:
    return words is None or any(word in text for word in words)
