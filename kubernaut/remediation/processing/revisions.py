"""The revisions of a workload: what its pods were made of, and since when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kubernaut.actions.builtin.restart_deployment import RESTARTED_AT
from kubernaut.actions.builtin.rollback_deployment import HASH_LABEL, REVISION
from kubernaut.remediation.processing.texts import dig, line, mappings
from kubernaut.remediation.processing.types import RevisionFact
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, ReplicaSet

MAX_IMAGES = 10


def of_replica_sets(workload: Mapping[str, Any], sets: Iterable[ReplicaSet]) -> list[RevisionFact]:
    """Those of a Deployment, the newest first."""
    present, found = _number(dig(workload, "metadata", "annotations", REVISION)), []
    for each in sets:
        number = _number(each.metadata.annotations.get(REVISION))
        if number is not None:
            found.append(_fact(each, number, dig(each.to_dict(), "spec", "template")))
    return _marked(found, lambda fact: fact.revision == present)


def of_controller_revisions(workload: Mapping[str, Any], revisions: Iterable[ControllerRevision]) -> list[RevisionFact]:
    """Those of a StatefulSet or DaemonSet, the newest first."""
    present = dig(workload, "status", "updateRevision")
    found = [_fact(each, each.revision, dig(each.data or {}, "spec", "template")) for each in revisions]
    return _marked(found, lambda fact: fact.name == present)


def controlled_by(found: Iterable[Resource], uids: Iterable[str]) -> list[Any]:
    """Those whose controller has one of the uids."""
    known = set(uids)
    return [each for each in found if (owner := each.metadata.controller_reference()) and owner.uid in known]


def _fact(revision: ReplicaSet | ControllerRevision, number: int, template: Any) -> RevisionFact:
    containers = {}
    for field in ("initContainers", "containers"):
        for each in mappings(dig(template, "spec", field))[:MAX_IMAGES]:
            containers[line(each.get("name"), 63)] = line(each.get("image"))
    return RevisionFact(
        revision=number,
        name=revision.name,
        images=sorted(set(containers.values())),
        containers=containers,
        created=revision.metadata.creation_timestamp,
        template=_digest(template),
    )


def _digest(template: Any) -> str:
    """Of what matters to the pods: not the label that tells the sets apart, and not when they were restarted."""
    metadata = dig(template, "metadata")
    labels = {key: value for key, value in (dig(metadata, "labels") or {}).items() if key != HASH_LABEL}
    notes = {key: value for key, value in (dig(metadata, "annotations") or {}).items() if key != RESTARTED_AT}
    text = json.dumps([labels, notes, dig(template, "spec")], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]


def _marked(found: list[RevisionFact], is_present: Any) -> list[RevisionFact]:
    """The newest first, the present one marked: the newest where the workload does not say."""
    found.sort(key=lambda fact: -fact.revision)
    present = next((fact for fact in found if is_present(fact)), found[0] if found else None)
    if present is not None:
        present.current = True
    return found


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 12 else None
