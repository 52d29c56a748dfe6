"""KubernetesExecution: one action on one target, its typed spec, and everything its status says."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.resources import Duration, Model, PrinterColumn, Resource, Rule, Time, parse_duration
from kubernaut.resources.scalars import DURATION_PATTERN

GROUP = "kubernetesexecution.kubernaut.io"
FINALIZER = f"{GROUP}/finalizer"

Name = Annotated[str, Field(max_length=253)]
ShortText = Annotated[str, Field(max_length=512)]
MAX_PARAMETER = 64 * 1024
"""Characters of a parameter's value: what a manifest may have, see `kubernaut.actions.documents.MAX_TEXT`."""
# Not `preserve-unknown-fields`: CEL cannot see what such a map holds, and the immutability rule would not cover it.
_INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
ParameterValue = Annotated[
    int | str,
    WithJsonSchema({**_INT_OR_STRING, "maxLength": MAX_PARAMETER}),
]
_LONGEST = timedelta(microseconds=(2**63 - 1) // 1000)


def _bounded(value: Any) -> Any:
    """A pattern cannot bound a duration, and an execution that cannot be read never gets a status that tells why."""
    if isinstance(value, str) and re.fullmatch(DURATION_PATTERN, value):
        try:
            return parse_duration(value)
        except ValueError:
            return -_LONGEST if value.startswith("-") else _LONGEST
    return value


Timeout = Annotated[Duration, BeforeValidator(_bounded)]
"""A duration of which one that is too long to be one is read as the longest, for validation to refuse."""
# What was captured may be longer than what may be asked for.
CapturedValue = Annotated[int | str, WithJsonSchema(_INT_OR_STRING)]


class ExecutionTarget(Model):
    """The object to act on. `apiVersion` may be left out where the action knows the kind."""

    api_version: ShortText | None = None
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    namespace: Annotated[str, Field(max_length=63)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=253)]


class ObjectRef(Model):
    """Another object by name and, where it matters which of that name, by uid."""

    name: Name
    namespace: Annotated[str, Field(max_length=63)] | None = None
    uid: Annotated[str, Field(max_length=128)] | None = None


class SecretRef(Model):
    """A Secret in the executor's namespace; `uid` tells which of that name."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    uid: Annotated[str, Field(min_length=1, max_length=128)]


class ParametersFrom(Model):
    """Where the parameters are that must not be in a spec."""

    secret_ref: SecretRef


class RollbackRef(ObjectRef):
    """The execution that is undone; `force`: also where its target was changed since."""

    force: bool = False


class RequestedBy(Model):
    """Who created the execution, as stamped on admission."""

    username: Annotated[str, Field(min_length=1, max_length=512)]
    uid: Annotated[str, Field(max_length=128)] | None = None
    groups: Annotated[list[ShortText], Field(max_length=256)] = Field(default_factory=list)


class KubernetesExecutionSpec(Model):
    """What to do; immutable."""

    action: Annotated[str, Field(min_length=1, max_length=63)]
    target: ExecutionTarget
    parameters: Annotated[dict[str, ParameterValue], Field(max_length=32)] = Field(default_factory=dict)
    """The action's parameters; a boolean is written as the string `true` or `false`."""
    dry_run: Literal["auto", "always", "never"] = "auto"
    """`auto`: when the policy requires it or the action's risk is high. `never` does not overrule the policy."""
    timeout: Timeout | None = None
    """How long the action may take; the action's own default if left out. Zero is refused."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 0
    """Retries of the Job; counts only for actions that are idempotent."""
    require_approval: ShortText | None = None
    """Why a person has to approve this, whatever the policy says: what asked for it was not sure."""
    workflow_execution_ref: ObjectRef | None = None
    rollback_of: RollbackRef | None = None
    parameters_from: ParametersFrom | None = None
    """In place of `parameters`, only with `rollbackOf`: the Secret in which that execution keeps what undoes it."""
    requested_by: RequestedBy | None = None


class Phase(StrEnum):
    """The phases in `status.phase`; the last three are terminal."""

    VALIDATING = "validating"
    VALIDATED = "validated"
    EXECUTING = "executing"
    ROLLBACK_READY = "rollback_ready"
    COMPLETED = "completed"
    FAILED = "failed"


TERMINAL = (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED)
"""Nothing follows these."""


class PolicyViolationStatus(Model):
    """One rule that the request breaks; a hard one blocks in every mode."""

    rule: str
    message: str = ""
    hard: bool = False


class PolicyValidation(Model):
    """What the policy decided, by which evaluator and revision."""

    allowed: bool
    required_approval: bool = False
    requires_dry_run: bool = False
    violations: list[PolicyViolationStatus] = Field(default_factory=list)
    approval_reasons: list[str] = Field(default_factory=list)
    self_approval: bool = False
    """Whether who asked may approve as well."""
    mode: str = ""
    evaluator: str = ""
    revision: str = ""
    decision_id: str | None = None
    """The entry in the policy server's decision log."""


class DryRunResults(Model):
    """The dry-run Job: announced (`jobName`) before it is created, judged (`success`) after it ended."""

    required: bool
    reason: str = ""
    """Why a dry-run was made, or why not."""
    job_name: str | None = None
    job_uid: str | None = None
    deadline: Time | None = None
    success: bool | None = None
    exit_code: int | None = None
    message: str | None = None
    log_tail: str | None = None


class ValidationResults(Model):
    """The five checks in their order; one that was not reached is absent."""

    parameter_validation: bool | None = None
    rbac_validation: bool | None = None
    resource_exists: bool | None = None
    policy_validation: PolicyValidation | None = None
    dry_run_results: DryRunResults | None = None
    validation_time: Time | None = None


class ResolvedTarget(Model):
    """The target as it was found: `uid` tells it from a later object of the same name."""

    api_version: str
    kind: str
    namespace: str | None = None
    name: str
    uid: str


class RollbackStatus(Model):
    """What undoes the action, captured before the Job exists; `available` false when there is nothing to undo.

    What holds secrets or is too long is in the Secret `secretRef`, which goes with the execution; there are no
    `parameters` here then.
    """

    available: bool
    action: str | None = None
    target: ExecutionTarget | None = None
    parameters: dict[str, CapturedValue] | None = None
    secret_ref: SecretRef | None = None
    target_uid: str | None = None
    captured_at: Time | None = None
    state_after: str | None = None
    """Digest of the target once the action was done: by it a later change is seen."""
    message: str | None = None


class ExecutionResults(Model):
    """How the Job ended. `logTail` is at most 64 KiB and redacted."""

    success: bool
    job_name: str
    start_time: Time | None = None
    end_time: Time | None = None
    duration: Duration | None = None
    exit_code: int | None = None
    message: str | None = None
    log_tail: str | None = None


class ApprovalRecord(Model):
    """A decision that counted, for the spec of this digest and nothing else: under `approval` it satisfies the need for
    one."""

    digest: str
    decided_by: str
    decided_at: Time | None = None


class KubernetesExecutionStatus(PhasedStatus):
    """Where the execution is and what it found. `transitions` is what the audit log is told."""

    phase: str | None = None
    spec_digest: str | None = None
    target: ResolvedTarget | None = None
    validation_results: ValidationResults | None = None
    approval: ApprovalRecord | None = None
    rejection: ApprovalRecord | None = None
    """Who refused, where an approval was asked for and refused."""
    rollback_information: RollbackStatus | None = None
    job_name: str | None = None
    job_uid: str | None = None
    execution_results: ExecutionResults | None = None
    recorded_transitions: int = 0
    """How many of the transitions the audit log has, once the execution has ended."""


class KubernetesExecution(
    Resource,
    group=GROUP,
    version="v1",
    short_names=("kexec",),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase"),
        PrinterColumn("Action", ".spec.action"),
        PrinterColumn("Kind", ".spec.target.kind"),
        PrinterColumn("Target", ".spec.target.name"),
        PrinterColumn("Reason", ".status.reason"),
        PrinterColumn("Target Namespace", ".spec.target.namespace", priority=1),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    # On the spec itself, which is required: a rule on an optional field is bypassed by removing the field.
    rules=(
        Rule("self == oldSelf", message="spec is immutable: create another execution instead", at="spec"),
        Rule(
            "!has(self.parametersFrom)"
            " || (has(self.rollbackOf) && (!has(self.parameters) || size(self.parameters) == 0))",
            message="parametersFrom needs rollbackOf, and takes the place of parameters",
            at="spec",
        ),
        # A structural schema cannot bound the names of a map's fields.
        Rule(
            "self.all(name, size(name) <= 63)",
            message="a parameter's name has at most 63 characters",
            at="spec.parameters",
        ),
    ),
):
    """One action on one target, checked, dry-run where asked, reversible where possible."""

    spec: KubernetesExecutionSpec
    status: KubernetesExecutionStatus = Field(default_factory=KubernetesExecutionStatus)
