"""ApprovalRequest: what is to be approved, until when, and what somebody decided."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from kubernaut.resources import Model, PrinterColumn, Resource, Rule, StatusBase, Time

GROUP = "remediation.kubernaut.io"

Text = Annotated[str, Field(max_length=512)]
Name = Annotated[str, Field(min_length=1, max_length=253)]
Digest = Annotated[str, Field(min_length=1, max_length=128)]


class Subject(Model):
    """What the approval is for; `uid` tells it from a later object of the same name."""

    api_version: Text
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    name: Name
    uid: Annotated[str, Field(min_length=1, max_length=128)]


class DecidedBy(Model):
    """Who decided, as the API server knows them; stamped on admission."""

    username: Annotated[str, Field(min_length=1, max_length=512)]
    uid: Annotated[str, Field(max_length=128)] | None = None
    groups: Annotated[list[Text], Field(max_length=256)] = Field(default_factory=list)


class ApprovalRequestSpec(Model):
    """What is asked; immutable. A decision holds for `digest`, the subject's spec as it was shown, and for no other."""

    subject: Subject
    digest: Digest
    required_by: Time
    """A decision after this does not count."""
    summary: Text = ""
    """What would be done, in a line."""
    reasons: Annotated[list[Text], Field(max_length=32)] = Field(default_factory=list)
    """Why the policy wants a person to look at it."""
    requested_by: Annotated[str, Field(max_length=512)] = ""
    """The username of who asked for the subject; empty where nobody was stamped."""
    self_approval: bool = False
    """Whether who asked may approve as well."""


class Decision(StrEnum):
    """What can be decided."""

    APPROVED = "approved"
    REJECTED = "rejected"


class ApprovalRequestStatus(StatusBase):
    """The decision, and where the request stands: `pending`, `approved`, `rejected` or `expired`."""

    phase: str | None = None
    decision: Literal["approved", "rejected"] | None = None
    reason: Annotated[str, Field(max_length=1024)] = ""
    decided_by: DecidedBy | None = None
    decided_at: Time | None = None


class ApprovalRequest(
    Resource,
    group=GROUP,
    version="v1",
    short_names=("approval", "approvals"),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase"),
        PrinterColumn("Summary", ".spec.summary"),
        PrinterColumn("Required By", ".spec.requiredBy"),
        PrinterColumn("Decided By", ".status.decidedBy.username"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(Rule("self == oldSelf", message="spec is immutable", at="spec"),),
):
    """A decision that somebody is asked for. Made by kubernaut; decided with `kubernaut approve` or `kubectl`."""

    spec: ApprovalRequestSpec
    status: ApprovalRequestStatus = Field(default_factory=ApprovalRequestStatus)
