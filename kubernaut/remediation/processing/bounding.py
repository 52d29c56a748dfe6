"""Keeps all facts together below a size: what is long is shortened first, and every part keeps something."""

from __future__ import annotations

from collections.abc import Callable

from kubernaut.remediation.execution.redact import tail
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.processing.types import Facts

BOUNDED = "bounds"


def bound(facts: Facts, limit: int) -> None:
    """Shorten `facts` in place until their JSON has at most `limit` bytes; `missing` tells what was cut."""
    if _size(facts) <= limit:
        return
    told = ""
    for what, shorten in _STEPS:
        shorten(facts)
        told = told or what
        facts.missing[BOUNDED] = (
            f"cut to {limit} bytes: {told}" if told == what else f"cut to {limit} bytes: {told} to {what}"
        )
        if _size(facts) <= limit:
            return


def _size(facts: Facts) -> int:
    return len(facts.to_json())


def _logs(limit: int) -> Callable[[Facts], None]:
    def shorten(facts: Facts) -> None:
        for pod in facts.pods:
            for container in pod.containers:
                container.log_tail = tail(container.log_tail, limit) if limit else ""

    return shorten


def _counts(pods: int, events: int, objects: int) -> Callable[[Facts], None]:
    def shorten(facts: Facts) -> None:
        facts.pods, facts.events = facts.pods[:pods], facts.events[:events]
        facts.nodes, facts.related, facts.revisions = (
            facts.nodes[:objects],
            facts.related[:objects],
            facts.revisions[:objects],
        )

    return shorten


def _texts(limit: int) -> Callable[[Facts], None]:
    def shorten(facts: Facts) -> None:
        for event in facts.events:
            event.message = cut(event.message, limit)
        for pod in facts.pods:
            pod.reason = cut(pod.reason, limit)
            for container in pod.containers:
                container.state, container.last_state = cut(container.state, limit), cut(container.last_state, limit)
                container.image = cut(container.image, limit)
        for each in (*([facts.target] if facts.target else ()), *facts.owners, *facts.related, *facts.nodes):
            each.conditions = {key: cut(value, limit) for key, value in each.conditions.items()}
            each.summary = {key: cut(value, limit) for key, value in each.summary.items()}
        for revision in facts.revisions:
            revision.images = [cut(image, limit) for image in revision.images]
            revision.containers = {key: cut(value, limit) for key, value in revision.containers.items()}
        facts.namespace_labels = {key: cut(value, limit) for key, value in facts.namespace_labels.items()}
        facts.missing = {key: cut(value, limit) for key, value in facts.missing.items()}

    return shorten


def _least(facts: Facts) -> None:
    for pod in facts.pods:
        pod.containers = pod.containers[:2]
    for each in (*([facts.target] if facts.target else ()), *facts.owners, *facts.related, *facts.nodes):
        each.conditions = dict(list(each.conditions.items())[:6])
    for revision in facts.revisions:
        revision.images, revision.containers = revision.images[:2], dict(list(revision.containers.items())[:4])
    facts.namespace_labels = dict(list(facts.namespace_labels.items())[:4])
    facts.missing = dict(list(facts.missing.items())[:8])


_STEPS: tuple[tuple[str, Callable[[Facts], None]], ...] = (
    ("logs (1024 bytes each)", _logs(1024)),
    ("texts (256 bytes each)", _texts(256)),
    ("logs (512 bytes each)", _logs(512)),
    ("lists (10 pods, 25 events)", _counts(10, 25, 5)),
    ("logs (256 bytes each)", _logs(256)),
    ("lists (5 pods, 10 events)", _counts(5, 10, 3)),
    ("texts (96 bytes each)", _texts(96)),
    ("logs (none)", _logs(0)),
    ("lists (2 pods, 4 events)", _counts(2, 4, 2)),
    ("the least", _least),
)
