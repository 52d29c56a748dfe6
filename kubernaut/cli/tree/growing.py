"""Puts objects together to a tree: by owner references, by labels, and by what statuses say of those that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.cli.tree.describing import Document, details_of
from kubernaut.cli.tree.kinds import ORDER
from kubernaut.cli.tree.model import Branch, Passed
from kubernaut.remediation.approval.gate import NOT_STAMPED
from kubernaut.remediation.processing.texts import dig, line, mappings

GONE = "gone"
JOB_ENDS = {"Complete": "completed", "Failed": "failed"}


def grown(root: Document, others: Iterable[Document], now: datetime) -> Branch:
    """The tree under `root`: of `others` those that belong to it, in the order in which they came to be.

    Takes objects as JSON, of whatever shape; `now` is up to when what goes on has lasted.
    """
    below: dict[str, list[Document]] = {}
    for document in others:
        for uid in dict.fromkeys(_owners(document)):
            below.setdefault(uid, []).append(document)
    return _branch(root, below, now, above=())


def phase_of(document: Document) -> str:
    """The phase that an object is in, whatever its kind calls it; "" before it has one."""
    status = dig(document, "status")
    if document.get("kind") == "Job":
        true = [each.get("type") for each in mappings(dig(status, "conditions")) if each.get("status") == "True"]
        ended = next((JOB_ENDS[each] for each in true if each in JOB_ENDS), None)
        return ended or ("running" if dig(status, "active") else "created")
    return line(dig(status, "overallPhase") or dig(status, "phase"), 63)


def _branch(document: Document, below: Mapping[str, list[Document]], now: datetime, above: tuple[str, ...]) -> Branch:
    metadata, status = dig(document, "metadata"), dig(document, "status")
    uid = str(dig(metadata, "uid") or "")
    began = moment(dig(status, "startTime")) or moment(dig(metadata, "creationTimestamp"))
    ended = moment(dig(status, "completionTime")) or moment(dig(status, "decidedAt"))
    branch = Branch(
        kind=line(document.get("kind"), 63),
        namespace=line(dig(metadata, "namespace"), 63),
        name=line(dig(metadata, "name"), 253),
        phase=phase_of(document),
        reason=line(dig(status, "reason"), 128) if document.get("kind") != "ApprovalRequest" else "",
        message=line(dig(status, "message")),
        began=began,
        ended=ended,
        lasted=(ended or now) - began if began is not None else None,
        passed=list(_passed(status, now, ended)),
        details=details_of(document),
    )
    if uid and uid not in above:  # owner references in a circle have no end
        belonging = sorted(below.get(uid, ()), key=_age)
        branch.children = [_branch(each, below, now, (*above, uid)) for each in belonging]
    _discount(branch, dig(status, "conditions"))
    known = {(child.kind, child.name) for child in branch.children}
    branch.children += [each for each in _absent(document) if (each.kind, each.name) not in known]
    return branch


def _discount(execution: Branch, conditions: Any) -> None:
    """An approval may be written and yet be worth nothing: only the execution that waits for it says so."""
    doubts = [each for each in mappings(conditions) if each.get("reason") == NOT_STAMPED]
    for child in execution.children if doubts else ():
        if child.kind == "ApprovalRequest" and child.phase == "approved":
            child.reason, child.message = NOT_STAMPED, line(doubts[0].get("message"))


def _passed(status: Any, now: datetime, ended: datetime | None) -> Iterator[Passed]:
    entered = mappings(dig(status, "transitions"))
    times = [moment(each.get("time")) for each in entered]
    for index, (each, time) in enumerate(zip(entered, times, strict=True)):
        last = index == len(entered) - 1
        until = times[index + 1] if not last else None if ended is not None else now
        duration = until - time if until is not None and time is not None else None
        phase, reason, message = (line(each.get(key)) for key in ("phase", "reason", "message"))
        yield Passed(phase, time, duration, reason, message)


def _absent(document: Document) -> Iterator[Branch]:
    """What a status tells of; where it is there after all, it is known by then."""
    status, namespace = dig(document, "status"), line(dig(document, "metadata", "namespace"), 63)
    if document.get("kind") == "RemediationRequest":
        if isinstance(reference := dig(status, "remediationProcessingRef"), Mapping):
            yield _gone("RemediationProcessing", namespace, reference)
        for kind, field in (("AIAnalysis", "aiAnalysisRefs"), ("WorkflowExecution", "workflowExecutionRefs")):
            for reference in mappings(dig(status, field)):
                yield _gone(kind, namespace, reference)
    elif document.get("kind") == "WorkflowExecution":
        for step in mappings(dig(status, "steps")):
            for field in ("executionRef", "rollbackRef"):
                # Without a uid it was announced, and not created yet.
                if isinstance(reference := dig(step, field), Mapping) and reference.get("uid"):
                    yield _gone("KubernetesExecution", namespace, reference)
    elif document.get("kind") == "KubernetesExecution":
        results = dig(status, "executionResults")
        if isinstance(results, Mapping) and dig(status, "jobName"):
            word = "completed" if results.get("success") else "failed"
            yield _gone("Job", "", {"name": dig(status, "jobName"), "outcome": word})


def _gone(kind: str, namespace: str, reference: Mapping[str, Any]) -> Branch:
    said, why = line(reference.get("outcome"), 63), line(reference.get("failureReason"))
    name = line(reference.get("name"), 253)
    return Branch(kind, line(reference.get("namespace"), 63) or namespace, name, said or GONE, message=why, gone=True)


def _owners(document: Document) -> Iterator[str]:
    """The uids of what an object belongs to."""
    for reference in mappings(dig(document, "metadata", "ownerReferences")):
        if reference.get("controller") is True:
            yield str(reference.get("uid"))
    labels = dig(document, "metadata", "labels")
    if document.get("kind") == "Job" and isinstance(labels, Mapping) and labels.get(LABEL_EXECUTION_ID):
        yield str(labels[LABEL_EXECUTION_ID])


def _age(document: Document) -> tuple[str, int, str]:
    kind = str(document.get("kind"))
    rank = ORDER.index(kind) if kind in ORDER else len(ORDER)
    metadata = dig(document, "metadata")
    return str(dig(metadata, "creationTimestamp") or ""), rank, str(dig(metadata, "name") or "")


def moment(text: Any) -> datetime | None:
    """A time of the API; None where it is none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
