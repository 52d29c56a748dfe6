"""By what requests are found beside each other: their target, their signal, and when they ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from kubernaut.client import NotFound, ObjectHead
from kubernaut.reconcile import Cache, Request
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.request.reasons import Block, Reason
from kubernaut.remediation.request.types import TERMINAL, Phase, RemediationRequest
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.apiregistration_v1 import APIService
from kubernaut.resources.builtin.core_v1 import Namespace, Node, PersistentVolume
from kubernaut.resources.builtin.networking_v1 import IngressClass
from kubernaut.resources.builtin.node_v1 import RuntimeClass
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding
from kubernaut.resources.builtin.scheduling_v1 import PriorityClass
from kubernaut.resources.builtin.storage_v1 import StorageClass

TARGET, SIGNAL, PHASE, BLOCKED, ENDED = "target", "signal", "phase", "blocked", "ended"
"""Indexes: of those that have not ended, by target and by signal; by phase; of the blocked ones, by what frees them;
of those that ended, by day and target or fingerprint, and by hour."""
SLOTS = "slots"
WOKEN = 4
"""How many of those that wait for their turn are woken by one that ends; the others' safety net is the poll."""


CLUSTER_SCOPED = frozenset(
    kind.resource_type.kind
    for kind in (
        APIService,
        ClusterRole,
        ClusterRoleBinding,
        CustomResourceDefinition,
        IngressClass,
        MutatingWebhookConfiguration,
        Namespace,
        Node,
        PersistentVolume,
        PriorityClass,
        RuntimeClass,
        StorageClass,
        ValidatingWebhookConfiguration,
    )
)
"""Well-known kinds that lie in no namespace, whatever namespace a target names."""


def target_namespace(target: ExecutionTarget) -> str:
    """Where a target lies; empty for one that lies in no namespace."""
    return "" if target.kind in CLUSTER_SCOPED else target.namespace or ""


def target_key(target: ExecutionTarget) -> str:
    """The same for each way to name one object: with `apiVersion` or without, and with a namespace or without one
    where its kind has none."""
    return f"{target.kind}/{target_namespace(target)}/{target.name}"


def signal_key(request: RemediationRequest) -> str:
    """The same for every request about one signal on one target."""
    return f"{request.spec.signal.fingerprint}@{target_key(request.spec.target)}"


def by_target(request: RemediationRequest) -> list[str]:
    """Index function."""
    return [] if ended(request) else [target_key(request.spec.target)]


def by_signal(request: RemediationRequest) -> list[str]:
    """Index function."""
    return [] if ended(request) else [signal_key(request)]


def by_phase(request: RemediationRequest) -> list[str]:
    """Index function."""
    return [request.status.overall_phase or Phase.PENDING.value]


def by_block(request: RemediationRequest) -> list[str]:
    """Index function."""
    if request.status.overall_phase != Phase.BLOCKED:
        return []
    blocked = request.status.blocked
    waits = [SLOTS] if blocked is not None and blocked.reason == Block.TOO_MANY_EXECUTING else []
    return [target_key(request.spec.target), *waits]


def by_end(request: RemediationRequest) -> list[str]:
    """Index function."""
    when = ended_at(request)
    if when is None:
        return []
    day = f"{when:%Y-%m-%d}"
    keys = (target_key(request.spec.target), request.spec.signal.fingerprint)
    return [*(f"{key}@{day}" for key in keys), f"{when:%Y-%m-%dT%H}"]


INDEXES = {TARGET: by_target, SIGNAL: by_signal, PHASE: by_phase, BLOCKED: by_block, ENDED: by_end}


def ended(request: RemediationRequest) -> bool:
    """Whether nothing follows its phase."""
    return request.status.overall_phase in TERMINAL


def ended_at(request: RemediationRequest) -> datetime | None:
    """When kubernaut was done with it: it has ended, or a person is to look at it."""
    status = request.status
    if status.overall_phase == Phase.MANUAL_REVIEW and status.manual_review is not None:
        return status.manual_review.since
    return status.completion_time if ended(request) else None


def attempted(request: RemediationRequest) -> bool:
    """Whether something was done, and kubernaut itself came to an end with it."""
    return bool(request.status.workflow_execution_refs) and request.status.reason != Reason.CANCELLED


def counts(other: RemediationRequest, namespace: str | None, trusted: Collection[str]) -> bool:
    """Whether a request may stand in the way of those in `namespace`.

    Whoever may create requests somewhere may name any target: only in the namespaces that are trusted, beside its
    target, or beside those that it stands in the way of, is that believed.
    """
    place = other.namespace or ""
    return place == (namespace or "") or place in trusted or place == target_namespace(other.spec.target)


def older(one: RemediationRequest, other: RemediationRequest) -> bool:
    """Whether `one` goes before `other`: by creation time, then uid."""
    return age(one) < age(other)


def age(request: RemediationRequest) -> tuple[str, str]:
    """What requests are ordered by."""
    made = request.metadata.creation_timestamp
    return made.isoformat() if made is not None else "", request.uid or ""


def days(now: datetime, back: timedelta) -> Iterator[str]:
    """Every day from `back` before `now` on, as the index has it."""
    first = (now - back).date()
    for number in range((now.date() - first).days + 1):
        yield f"{first + timedelta(days=number):%Y-%m-%d}"


def hours(now: datetime) -> tuple[str, str]:
    """The two hours that the last 60 minutes are in, as the index has them."""
    return f"{now - timedelta(hours=1):%Y-%m-%dT%H}", f"{now:%Y-%m-%dT%H}"


def freed_by(head: ObjectHead, cache: Cache) -> Iterable[Request]:
    """The blocked requests that a change of another may concern: those about its target, and the next in turn."""
    try:
        request = cache.get(RemediationRequest, head.name, head.namespace)
    except NotFound:
        return []
    except ValueError:
        # One that does not fit the model stands in nobody's way.
        return []
    phase = request.status.overall_phase
    if phase in (None, Phase.BLOCKED, Phase.PENDING, Phase.PROCESSING):
        return []
    found = list(cache.heads(RemediationRequest, index=(BLOCKED, target_key(request.spec.target))))
    if phase != Phase.EXECUTING:
        waiting = cache.heads(RemediationRequest, index=(BLOCKED, SLOTS))
        found += sorted(waiting, key=lambda each: (each.creation_timestamp or "", each.uid))[:WOKEN]
    return [Request(each.namespace, each.name) for each in found if each.uid != head.uid]
