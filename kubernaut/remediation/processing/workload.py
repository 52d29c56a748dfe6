"""Finds what belongs to a target: its owners, its root workload, its pods and its revisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubernaut.client import NotFound
from kubernaut.remediation.execution.lock.roots import CLIMBED
from kubernaut.remediation.processing.objects import object_fact
from kubernaut.remediation.processing.pods import pod_fact, trouble
from kubernaut.remediation.processing.reading import Gathering
from kubernaut.remediation.processing.revisions import controlled_by, of_controller_revisions, of_replica_sets
from kubernaut.remediation.processing.texts import dig, mappings
from kubernaut.remediation.processing.types import PodFact, RevisionFact
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, ReplicaSet
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod

_DEPTH = 4
_JOBS = 3
"""Runs of a CronJob that are looked at, the newest first."""

Document = dict[str, Any]


@dataclass(slots=True)
class Workload:
    """The target with its owners as JSON, the target first; `sets` are what stands between the root and its pods."""

    chain: list[Document]
    sets: list[Document] = field(default_factory=list)

    @property
    def target(self) -> Document:
        return self.chain[0]

    @property
    def root(self) -> Document:
        """The outermost controller."""
        return self.chain[-1]

    def find(self, *kinds: str) -> Document | None:
        """The innermost of these kinds among the target and its owners."""
        return next((each for each in self.chain if each.get("kind") in kinds), None)


async def owners(gathering: Gathering, target: Document) -> list[Document]:
    """The controllers of an object from the inside out, as far as they are of a kind that is looked up.

    Raises ApiError and TransportError; an owner that is not there with its uid ends the way.
    """
    found: list[Document] = []
    current = target
    for _ in range(_DEPTH):
        reference = next(
            (one for one in mappings(dig(current, "metadata", "ownerReferences")) if one.get("controller")), None
        )
        kind = None if reference is None else _climbed(reference)
        if reference is None or kind is None:
            break
        try:
            current = await gathering.get(kind, str(reference.get("name")), dig(target, "metadata", "namespace"))
        except NotFound:
            break
        if dig(current, "metadata", "uid") != reference.get("uid"):
            break
        found.append(current)
    return found


async def replica_sets(gathering: Gathering, workload: Workload) -> list[RevisionFact]:
    """The revisions of a Deployment; its sets become part of the workload."""
    deployment = workload.find("Deployment")
    if deployment is None:
        return []
    limits, namespace = gathering.config.limits, dig(deployment, "metadata", "namespace")
    listed = await gathering.client.list(
        ReplicaSet, namespace=namespace, labels=selector_of(deployment), limit=limits.listed
    )
    sets = controlled_by(listed, [_uid(deployment)])
    workload.sets = [each.to_dict() for each in sets]
    return of_replica_sets(deployment, sets)[: limits.revisions]


async def controller_revisions(gathering: Gathering, workload: Workload) -> list[RevisionFact]:
    """The revisions of a StatefulSet or DaemonSet."""
    owner = workload.find("StatefulSet", "DaemonSet")
    if owner is None:
        return []
    limits, namespace = gathering.config.limits, dig(owner, "metadata", "namespace")
    listed = await gathering.client.list(
        ControllerRevision, namespace=namespace, labels=selector_of(owner), limit=limits.listed
    )
    return of_controller_revisions(owner, controlled_by(listed, [_uid(owner)]))[: limits.revisions]


async def jobs(gathering: Gathering, workload: Workload) -> None:
    """The latest runs of a CronJob become part of the workload, and related facts."""
    namespace = dig(workload.target, "metadata", "namespace")
    listed = await gathering.client.list(Job, namespace=namespace, limit=gathering.config.limits.listed)
    found = [each.to_dict() for each in controlled_by(listed, [_uid(workload.target)])]
    found.sort(key=lambda job: str(dig(job, "metadata", "creationTimestamp")), reverse=True)
    workload.sets = found[:_JOBS]
    gathering.facts.related += [object_fact(each) for each in workload.sets]


async def pods(gathering: Gathering, workload: Workload) -> list[PodFact]:
    """The pods of the target, those in trouble first."""
    target, limits = workload.target, gathering.config.limits
    namespace = dig(target, "metadata", "namespace")
    if target.get("kind") == "Pod":
        return [pod_fact(Pod.from_dict(target))]
    if target.get("kind") == "Node":
        name = dig(target, "metadata", "name")
        listed: Sequence[Pod] = await gathering.client.list(
            Pod, fields={"spec.nodeName": str(name)}, limit=limits.listed
        )
        return _chosen(gathering, listed)
    owning = workload.sets if target.get("kind") in ("Deployment", "CronJob") else [target]
    found: list[Pod] = []
    # The pods of all sets of a Deployment have its labels; each Job has its own.
    selecting = [target] if target.get("kind") == "Deployment" else owning
    for each in selecting:
        selector = selector_of(each)
        if selector:
            found += await gathering.client.list(Pod, namespace=namespace, labels=selector, limit=limits.listed)
    if target.get("kind") == "Deployment" and not owning:
        # Its sets could not be read: the labels must do.
        return _chosen(gathering, [each for each in found if _controller(each) == "ReplicaSet"])
    return _chosen(gathering, controlled_by(found, [_uid(each) for each in owning]))


def selector_of(document: Mapping[str, Any]) -> str:
    """`spec.selector` as Kubernetes' text; "" where there is none, as in a Service, whose selector is a plain map."""
    selector = dig(document, "spec", "selector")
    labels = dig(selector, "matchLabels")
    terms = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else []
    for each in mappings(dig(selector, "matchExpressions")):
        key, told = each.get("key"), each.get("values")
        values = ",".join(str(value) for value in told) if isinstance(told, list) else ""
        match each.get("operator"):
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(f"{key}")
            case "DoesNotExist":
                terms.append(f"!{key}")
    return ",".join(terms)


def _chosen(gathering: Gathering, found: Sequence[Pod]) -> list[PodFact]:
    facts = sorted((pod_fact(each) for each in found), key=lambda pod: (-trouble(pod), pod.name))
    limit = gathering.config.limits.pods
    if len(facts) > limit:
        gathering.miss("pods", f"{len(facts)} were found, of which {limit} are told, those in trouble first")
    return facts[:limit]


def _controller(pod: Pod) -> str:
    reference = pod.metadata.controller_reference()
    return reference.kind if reference is not None else ""


def _climbed(reference: Mapping[str, Any]) -> ResourceType | None:
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    return next((kind for kind in CLIMBED if (kind.group, kind.kind) == (group, reference.get("kind"))), None)


def _uid(document: Mapping[str, Any]) -> str:
    return str(dig(document, "metadata", "uid") or "")
