"""What an operator decides about executions: the catalog, the policy and its mode, where Jobs run, and the limits."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from kubernaut.actions import Catalog
from kubernaut.policy import PolicyEvaluator
from kubernaut.remediation.execution.gate import ApprovalGate, NoApprovals
from kubernaut.remediation.execution.metrics import ExecutionMetrics
from kubernaut.remediation.execution.redact import TAIL_BYTES
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks, Vouching, stamping_webhooks

Span = Annotated[timedelta, Field(gt=timedelta())]


class PolicyMode(StrEnum):
    """How violations are treated. Hard violations and required approvals hold in every mode.

    `strict`: they block, and without an evaluator nothing runs. `permissive`: a Warning Event, then on.
    `audit`: recorded only.
    """

    STRICT = "strict"
    PERMISSIVE = "permissive"
    AUDIT = "audit"


class Limits(BaseModel):
    """Bounds of each phase and of what is stored; all positive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: Span = timedelta(seconds=30)
    dry_run: Span = timedelta(minutes=2)
    execution: Span = timedelta(minutes=5)
    """The longest timeout that a spec may ask for."""
    scheduling: Span = timedelta(seconds=120)
    """Added to the timeout for scheduling and image pull; also what `activeDeadlineSeconds` adds."""
    grace: Span = timedelta(seconds=30)
    """How long past its own deadline a Job may take to say so."""
    approval: Span = timedelta(hours=1)
    """How long phase `validated` may wait for a decision."""
    poll: Span = timedelta(seconds=15)
    """The safety net under the Job watch."""
    policy_retry: Span = timedelta(seconds=5)
    result_ttl: Span = timedelta(seconds=300)
    """How long a finished Job is kept after its result is stored."""
    rollback_bytes: Annotated[int, Field(gt=0)] = 64 * 1024
    """What is longer of a way back goes into a Secret; what is above 64 KiB does, whatever this says."""
    log_tail_bytes: Annotated[int, Field(gt=0, le=TAIL_BYTES)] = TAIL_BYTES


class ExecutionConfig(BaseModel):
    """The configuration of the execution controller.

    `allow_unstamped`: accept executions without `spec.requestedBy`. Objects record no author, so whoever may create one
    borrows its action's ServiceAccount; leave it off wherever the stamping webhook can run.
    `trusted_requesters`: usernames (`system:serviceaccount:<namespace>:<name>`) of kubernaut's own ServiceAccounts,
    which may create an execution for whoever asked for its parent; everybody else's stamp is their own.
    `own_usernames`: as whom the controllers write the status of executions (this one's and the audit's), which nobody
    else may then; with none, `execution_webhooks` leaves the status open.
    `vouching`: what is asked whether a stamp can be believed, unless `allow_unstamped`; by default the webhook
    configurations named `kubernaut`.
    `audited`: an execution that is being deleted stays until the audit log has all of it (see `audits`).
    `ttl_after_end`: how long an execution stays after it has ended; None for ever. One that a controller owns stays
    until that lets it go, one that is `audited` until the audit log has all of it.
    `metrics`: where executions are counted.
    `protected_namespaces`: kubernaut's own, beside the executor's: no action acts there, whatever a policy says.
    `delegate_requester`: the policy answers for the requester, who then needs no permission of their own on the target.
    `delegated_requesters`: usernames for whom alone that holds, such as the gateway's account, which asks for whatever
    an alert is about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    catalog: Catalog
    evaluator: SkipValidation[PolicyEvaluator]
    policy_mode: PolicyMode = PolicyMode.STRICT
    executor_namespace: Annotated[str, Field(min_length=1, max_length=63)] = "kubernaut-executor"
    protected_namespaces: frozenset[Annotated[str, Field(min_length=1, max_length=63)]] = frozenset()
    limits: Limits = Limits()
    allow_unstamped: bool = False
    trusted_requesters: frozenset[Annotated[str, Field(min_length=1, max_length=512)]] = frozenset()
    own_usernames: frozenset[Annotated[str, Field(min_length=1, max_length=512)]] = frozenset()
    vouching: SkipValidation[Vouching] = Field(default_factory=lambda: RegisteredWebhooks(stamping_webhooks()))
    delegate_requester: bool = False
    delegated_requesters: frozenset[Annotated[str, Field(min_length=1, max_length=512)]] = frozenset()
    audited: bool = False
    ttl_after_end: Span | None = None
    metrics: SkipValidation[ExecutionMetrics | None] = None
    approvals: SkipValidation[ApprovalGate] = Field(default_factory=NoApprovals)
    max_concurrent: Annotated[int, Field(gt=0)] = 4

    @property
    def protected(self) -> frozenset[str]:
        """Every namespace in which no action acts."""
        return self.protected_namespaces | {self.executor_namespace}
