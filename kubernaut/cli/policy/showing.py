"""Shows decisions to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kubernaut.cli.policy.asking import Answer


def as_text(answers: Sequence[Answer], *, explain: bool) -> str:
    """A paragraph for each execution."""
    return "".join("\n".join(_paragraph(answer, explain)) + "\n" for answer in answers)


def as_json(answers: Sequence[Answer]) -> str:
    """One document: a list."""
    return json.dumps([_document(answer) for answer in answers], indent=2, ensure_ascii=False) + "\n"


def _paragraph(answer: Answer, explain: bool) -> Iterator[str]:
    yield f"{answer.name} ({answer.source}): {_verdict(answer)}"
    decision = answer.decision
    if decision is None:
        yield f"  {answer.problem}"
        return
    for found in decision.violations:
        yield f"  {'denied, whoever approves' if found.hard else 'denied'}: {found.rule}: {found.message}"
    for reason in decision.approval_reasons:
        yield f"  needs an approval: {reason}"
    if decision.requires_dry_run:
        yield "  needs a dry-run first"
    yield f"  decided by {decision.evaluator} {decision.revision}".rstrip()
    if decision.decision_id:
        yield f"  decision id {decision.decision_id}"
    if explain:
        yield "  the policy was asked:"
        for line in json.dumps(answer.document, indent=2, ensure_ascii=False).splitlines():
            yield f"    {line}"


def _verdict(answer: Answer) -> str:
    if answer.decision is None:
        return "cannot be asked"
    if not answer.decision.allowed:
        return "DENIED"
    return "allowed once it is approved" if answer.decision.requires_approval else "allowed"


def _document(answer: Answer) -> dict[str, object]:
    if answer.decision is None:
        return {"name": answer.name, "source": answer.source, "problem": answer.problem}
    return {
        "name": answer.name,
        "source": answer.source,
        "decision": answer.decision.to_dict(),
        "input": answer.document,
    }
