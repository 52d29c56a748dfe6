"""Objects that go through phases: a table of handlers, and the reconciler that asks them and notes their answers."""

from kubernaut.remediation.machine.children import (
    CHILD_NAME_TAKEN,
    asks_the_same,
    child_name,
    ensure_child,
    find_child,
)
from kubernaut.remediation.machine.errors import API_REFUSED, INTERNAL_ERROR, TRANSIENT
from kubernaut.remediation.machine.reconciler import UNKNOWN_PHASE, PhaseReconciler
from kubernaut.remediation.machine.status import PhasedStatus, Transition
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import POLL, SOON, Fail, Move, Verdict, Wait

__all__ = [
    "API_REFUSED",
    "CHILD_NAME_TAKEN",
    "INTERNAL_ERROR",
    "POLL",
    "SOON",
    "TRANSIENT",
    "UNKNOWN_PHASE",
    "Fail",
    "Move",
    "PhaseReconciler",
    "PhaseRow",
    "PhaseTable",
    "PhasedStatus",
    "Step",
    "Transition",
    "Verdict",
    "Wait",
    "asks_the_same",
    "child_name",
    "cut",
    "ensure_child",
    "find_child",
]
