"""The gate between `validated` and `executing`: asks for an approval where the policy requires one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.machine.verdicts import Fail, Wait

if TYPE_CHECKING:
    from kubernaut.reconcile import Context, Owns, Permission
    from kubernaut.remediation.execution.types import KubernetesExecution


@dataclass(frozen=True, slots=True)
class Approved:
    """A decision in favour. Counts only for the spec whose digest is `digest`."""

    digest: str
    decided_by: str
    decided_at: datetime


class ApprovalGate(Protocol):
    """Where approvals plug in. Asked in phase `validated`, at each reconcile, while the policy requires an approval.

    `watches` are the kinds by which a decision wakes the execution, `permissions` what asking calls.
    """

    @property
    def watches(self) -> Sequence[Owns]: ...

    @property
    def permissions(self) -> Sequence[Permission]: ...

    async def ask(self, execution: KubernetesExecution, ctx: Context) -> Approved | Wait | Fail:
        """Create or read the approval of `execution` (its digest is `status.specDigest`).

        `Wait` until somebody decides, `Fail` when it was rejected or has expired, `Approved` when it holds: every check
        then runs again, and the approval satisfies only the need for approval. API errors may be raised.
        """
        ...


class NoApprovals:
    """No way to approve exists: what needs an approval fails and says so."""

    watches: Sequence[Owns] = ()
    permissions: Sequence[Permission] = ()

    async def ask(self, execution: KubernetesExecution, ctx: Context) -> Approved | Wait | Fail:
        """Always `Fail` with ApprovalRequired."""
        return Fail(
            Reason.APPROVAL_REQUIRED,
            f"the policy requires an approval for {execution.spec.action} on {execution.spec.target.kind} "
            f"{execution.spec.target.name}, and no way to give one is set up",
        )
