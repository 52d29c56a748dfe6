"""The default validator: the checks of an execution, for every step, with nothing created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kubernaut.actions import ParameterError, UnknownAction
from kubernaut.reconcile import Context, Permission
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.jobs import misfit, read_invocation
from kubernaut.remediation.execution.lock import lease_name, root_of
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.validation.parameters import check_parameters, order_failure
from kubernaut.remediation.execution.validation.policy import AVAILABLE, check_policy
from kubernaut.remediation.execution.validation.rbac import check_rbac
from kubernaut.remediation.execution.validation.target import check_target
from kubernaut.remediation.machine import Fail, Wait
from kubernaut.remediation.workflow.drafts import execution_for
from kubernaut.remediation.workflow.errors import error_type
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.seams import Prepared
from kubernaut.resources.builtin.authorization_v1 import SubjectAccessReview
from kubernaut.resources.builtin.core_v1 import Namespace, ServiceAccount

if TYPE_CHECKING:
    from kubernaut.remediation.workflow.work import Work

CHECKS = (check_parameters, check_rbac, check_target, check_policy)


class CheckingValidator:
    """Asks about each step what its execution will ask: parameters, rights, target and policy; no dry-run.

    What the policy only warns about is told by the executions, and who asked is checked before, for the whole.
    """

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config.model_copy(update={"allow_unstamped": True})

    @property
    def permissions(self) -> Sequence[Permission]:
        """What the checks read and ask."""
        config = self._config
        reads = {kind: kind for action in config.catalog for kind in (*action.targets, *action.reads)}
        why = "reads the targets of all steps before anything runs, and the names beside them"
        asks = Permission(
            ["create"], SubjectAccessReview, why="checks what requester and action may do, for every step"
        )
        return [
            asks,
            Permission(["get"], Namespace, why="the labels that tell the policy of the environment"),
            Permission(
                ["get"],
                ServiceAccount,
                namespace=config.executor_namespace,
                why="checks that the actions' accounts exist",
            ),
            *(Permission(["get", "list"], reads[kind], why=why) for kind in sorted(reads, key=_name)),
        ]

    async def validate(self, work: Work) -> Sequence[Prepared] | Failure | Wait:
        """See `Validator.validate`."""
        found: list[Prepared] = []
        for index in range(len(work.workflow.spec.steps)):
            answer = await self._step(work, index)
            if not isinstance(answer, Prepared):
                return answer
            found.append(answer)
        return found

    async def _step(self, work: Work, index: int) -> Prepared | Failure | Wait:
        draft = execution_for(work.workflow, index, 1, work.plan.timeouts[index])
        run = Run(draft, _quiet(work.ctx), self._config)
        try:
            order = run.order()
        except (UnknownAction, ParameterError) as error:
            return _failure(work, index, order_failure(error))
        for check in CHECKS:
            answer = await check(run, order)
            if isinstance(answer, Fail):
                return _failure(work, index, answer)
            if isinstance(answer, Wait):
                return _waiting(work, run, answer)
        return await self._prepared(work, index, run, order)

    async def _prepared(self, work: Work, index: int, run: Run, order: Order) -> Prepared | Failure:
        invocation = await read_invocation(run, order)
        if isinstance(invocation, Fail):
            return _failure(work, index, invocation)
        try:
            lease = await lease_name(work.ctx.client, order, invocation) if order.action.exclusive else None
        except ParameterError as error:
            return _failure(work, index, misfit(error))
        return Prepared(lease, await root_of(work.ctx.client, invocation.live))


def _name(kind: Any) -> str:
    return str(kind.group_resource)


def _failure(work: Work, index: int, refusal: Fail) -> Failure:
    message = f"{work.title(index)}: {refusal.message}"
    return Failure(refusal.reason, message, error_type(None, refusal.reason, refusal.message), index)


def _waiting(work: Work, run: Run, wait: Wait) -> Wait:
    """The policy has not answered; that is told once."""
    told = run.status.condition(AVAILABLE)
    message = told.message if told is not None else "the policy has not answered"
    if work.status.condition(AVAILABLE) is None:
        work.event("PolicyUnavailable", message, warning=True)
    work.status.set_condition(AVAILABLE, False, reason="PolicyUnavailable", message=message)
    return wait


class _Nobody:
    """Takes Events of objects that do not exist."""

    def event(self, *given: Any, **named: Any) -> None: ...


def _quiet(ctx: Context) -> Context:
    return replace(ctx, events=_Nobody())
