"""What a person wants to know of an object, by its kind: a few details out of its spec and status."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubernaut.actions import Action, Catalog, UnknownAction
from kubernaut.remediation.execution.described import parameters_line
from kubernaut.remediation.processing.texts import dig, line, mappings, number

Document = Mapping[str, Any]
Detail = tuple[str, Any]

CATALOG = Catalog.builtin()
"""Tells which parameters are not to be shown."""


def details_of(document: Document) -> dict[str, Any]:
    """The details by name, without those that there are none of; whatever shape the object has."""
    describe = _BY_KIND.get(str(document.get("kind")))
    found = dict(describe(document)) if describe is not None else {}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _request(document: Document) -> Iterator[Detail]:
    spec, status = _parts(document)
    signal = dig(spec, "signal")
    told = [line(dig(signal, key), 253) for key in ("name", "severity", "source")]
    yield "signal", " ".join([told[0], *(f"({each})" for each in (", ".join(filter(None, told[1:])),) if each)])
    yield "target", target_of(dig(spec, "target"))
    if tried := number(status, "recoveryAttempts"):
        yield "recoveries", f"{tried} of {number(spec, 'maxRecoveryAttempts', default=3)}"
        yield "recovery reason", _counted_from_1(line(dig(status, "recoveryReason"), 253))
    if dig(status, "blocked"):
        yield "blocked until", line(dig(status, "blocked", "until"), 63)
    if isinstance(look_at := dig(status, "manualReview", "lookAt"), list):
        yield "look at", [line(each) for each in look_at]


def _counted_from_1(reason: str) -> str:
    """`workflow_timeout_step_0` as people say it: `timeout at step 1`."""
    found = re.fullmatch(r"workflow_(.+)_step_(\d{1,4})", reason)
    return f"{found[1].replace('_', ' ')} at step {int(found[2]) + 1}" if found else reason


def _processing(document: Document) -> Iterator[Detail]:
    facts = dig(document, "status", "facts")
    if not isinstance(facts, Mapping):
        return
    told = [line(dig(facts, key), 63) for key in ("environment", "priority")]
    counted = [
        f"{len(found)} {what}{'s' if len(found) != 1 else ''}"
        for what in ("pod", "event", "revision", "node")
        if isinstance(found := facts.get(f"{what}s"), list) and found
    ]
    yield "facts", ", ".join([*filter(None, told), *counted])
    if isinstance(missing := facts.get("missing"), Mapping):
        yield "missing", [f"{line(part, 63)}: {line(why)}" for part, why in missing.items()]


def _analysis(document: Document) -> Iterator[Detail]:
    status = dig(document, "status")
    proposal = dig(status, "proposal")
    if not isinstance(proposal, Mapping):
        return
    confidence = proposal.get("confidence")
    sure = f" ({confidence:.0%} sure)" if isinstance(confidence, (int, float)) else ""
    yield "root cause", line(proposal.get("rootCause")) + sure
    yield "proposed", [_step(step) for step in mappings(proposal.get("steps"))]
    yield "recommendation", ": ".join(filter(None, (line(proposal.get(key)) for key in ("recommendation", "reason"))))
    yield "analyzer", ", ".join(filter(None, (line(dig(status, "analyzer"), 253), _rule(proposal))))


def _rule(proposal: Mapping[str, Any]) -> str:
    """The rule by which something is proposed: the first that evidence names; others held as well."""
    sources = (line(each.get("source"), 253) for each in mappings(proposal.get("evidence")))
    return next((each for each in sources if each.startswith("rule/")), "")


def _workflow(document: Document) -> Iterator[Detail]:
    spec, status = _parts(document)
    total = number(status, "totalSteps") or len(mappings(dig(spec, "steps")))
    yield "steps", f"{number(status, 'completedSteps')} of {total} completed"
    if isinstance(failed := dig(status, "failedStep"), int):
        action, error = line(dig(status, "failedAction"), 63), line(dig(status, "errorType"), 63)
        yield "failed step", f"{failed + 1} ({action}), {error}: {line(dig(status, 'failureReason'))}"
    yield "health", line(dig(status, "health"))
    rollback = dig(status, "rollback")
    if isinstance(rollback, Mapping):
        undone, left = rollback.get("rolledBack"), rollback.get("notRolledBack")
        yield "rolled back", [line(each, 63) for each in undone] if isinstance(undone, list) else []
        if isinstance(left, Mapping):
            yield "not rolled back", [f"{line(step, 63)}: {line(why)}" for step, why in left.items()]


def _execution(document: Document) -> Iterator[Detail]:
    spec, status = _parts(document)
    yield "action", _step(spec)
    yield "undoes", line(dig(spec, "rollbackOf", "name"), 253)
    yield "approved by", line(dig(status, "approval", "decidedBy"), 253)
    yield "rejected by", line(dig(status, "rejection", "decidedBy"), 253)
    result = line(dig(status, "executionResults", "message"))
    yield "result", result if result != "Completed" else ""
    if dig(status, "rollbackInformation", "available") is True:
        back = {key: dig(status, "rollbackInformation", key) for key in ("action", "target", "parameters")}
        yield "way back", _step(back)


def _approval(document: Document) -> Iterator[Detail]:
    spec, status = _parts(document)
    reasons = dig(spec, "reasons")
    yield "because", [line(each, 512) for each in reasons] if isinstance(reasons, list) else []
    if dig(status, "decision"):
        who, said = line(dig(status, "decidedBy", "username"), 253) or "nobody", line(dig(status, "reason"))
        yield "decided by", f"{who} ({said})" if said else who
    else:
        yield "asks for", line(dig(spec, "summary"), 512)
        yield "required by", line(dig(spec, "requiredBy"), 63)
        name, namespace = (line(dig(document, "metadata", key), 253) for key in ("name", "namespace"))
        yield "decide with", f"kubernaut approve {name} -n {namespace}"


def _job(document: Document) -> Iterator[Detail]:
    yield "command", command_of(document)


def command_of(job: Document) -> str:
    """What a Job's container runs, in one line, redacted."""
    containers = mappings(dig(job, "spec", "template", "spec", "containers"))
    container = containers[0] if containers else {}
    parts = [part for key in ("command", "args") if isinstance(part := container.get(key), list)]
    return line(" ".join(str(word) for part in parts for word in part))


def target_of(target: Any) -> str:
    """`Deployment shop/web`."""
    where = "/".join(line(dig(target, key), 253) for key in ("namespace", "name") if dig(target, key))
    return f"{line(dig(target, 'kind'), 63)} {where}".strip()


def _step(step: Any) -> str:
    action, parameters = line(dig(step, "action"), 63), dig(step, "parameters")
    told = parameters_line(parameters, _known(action)) if isinstance(parameters, Mapping) else ""
    return " ".join(filter(None, (action, target_of(dig(step, "target")), told)))


def _known(action: str) -> Action | None:
    try:
        return CATALOG.get(action)
    except UnknownAction:
        return None


def _parts(document: Document) -> tuple[Any, Any]:
    return dig(document, "spec"), dig(document, "status")


_BY_KIND: Mapping[str, Callable[[Document], Iterator[Detail]]] = {
    "RemediationRequest": _request,
    "RemediationProcessing": _processing,
    "AIAnalysis": _analysis,
    "WorkflowExecution": _workflow,
    "KubernetesExecution": _execution,
    "ApprovalRequest": _approval,
    "Job": _job,
}
