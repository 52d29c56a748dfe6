"""The phase table of requests: each phase with its handler, the phases that may follow it, and its limit."""

from __future__ import annotations

from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.request.beginning import blocked, pending
from kubernaut.remediation.request.ending import guarded
from kubernaut.remediation.request.executing import executing
from kubernaut.remediation.request.finding import analyzing, processing, recovering
from kubernaut.remediation.request.lifetime import end_of_life
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase
from kubernaut.remediation.request.verifying import manual_review, verifying

PHASES = PhaseTable[RequestStep](
    {
        Phase.PENDING: PhaseRow(
            guarded(pending),
            next=frozenset({Phase.PROCESSING, Phase.BLOCKED, Phase.COMPLETED, Phase.FAILED}),
            limit=lambda step: step.remaining("overall"),
            summary="may it begin?",
        ),
        Phase.BLOCKED: PhaseRow(
            guarded(blocked),
            next=frozenset({Phase.PENDING, Phase.RECOVERING, Phase.COMPLETED, Phase.FAILED}),
            limit=lambda step: step.remaining("overall"),
            summary="something is in the way",
        ),
        Phase.PROCESSING: PhaseRow(
            guarded(processing),
            next=frozenset({Phase.ANALYZING, Phase.MANUAL_REVIEW, Phase.FAILED}),
            limit=lambda step: step.remaining("processing"),
            condition="Processed",
            summary="gather the facts",
        ),
        Phase.ANALYZING: PhaseRow(
            guarded(analyzing),
            next=frozenset({Phase.EXECUTING, Phase.BLOCKED, Phase.MANUAL_REVIEW, Phase.COMPLETED, Phase.FAILED}),
            limit=lambda step: step.remaining("analyzing"),
            condition="Analyzed",
            entered="Processed",
            summary="decide what to do",
        ),
        Phase.EXECUTING: PhaseRow(
            guarded(executing),
            next=frozenset(
                {
                    Phase.VERIFYING,
                    Phase.RECOVERING,
                    Phase.BLOCKED,
                    Phase.ANALYZING,
                    Phase.MANUAL_REVIEW,
                    Phase.FAILED,
                }
            ),
            limit=lambda step: step.remaining("executing"),
            # With a workflow at work only the limits give up on it.
            patient=lambda step: step.workflow_ref is not None,
            condition="Executed",
            entered="Analyzed",
            summary="one workflow",
        ),
        Phase.VERIFYING: PhaseRow(
            guarded(verifying),
            next=frozenset({Phase.COMPLETED, Phase.RECOVERING, Phase.MANUAL_REVIEW, Phase.FAILED}),
            limit=lambda step: step.remaining("verifying"),
            condition="Verified",
            entered="Executed",
            summary="is the target healthy, and stays so?",
        ),
        Phase.RECOVERING: PhaseRow(
            guarded(recovering),
            next=frozenset({Phase.EXECUTING, Phase.BLOCKED, Phase.MANUAL_REVIEW, Phase.FAILED}),
            limit=lambda step: step.remaining("processing", "analyzing"),
            summary="new facts, and another decision",
        ),
        Phase.MANUAL_REVIEW: PhaseRow(
            guarded(manual_review),
            next=frozenset({Phase.COMPLETED, Phase.FAILED}),
            summary="a person's turn",
        ),
        Phase.COMPLETED: PhaseRow(end_of_life, summary="nothing is left to do"),
        Phase.FAILED: PhaseRow(end_of_life, summary="cancelled, or out of time"),
    },
    first=Phase.PENDING,
    failed=Phase.FAILED,
)
