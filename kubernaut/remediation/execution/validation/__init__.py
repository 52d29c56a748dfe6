"""Phase `validating`: the five checks in their order; the first that fails ends the execution."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kubernaut.actions import ParameterError, UnknownAction
from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import Phase, ValidationResults
from kubernaut.remediation.execution.validation.dryrun import check_dry_run
from kubernaut.remediation.execution.validation.parameters import check_parameters, order_failure
from kubernaut.remediation.execution.validation.policy import check_policy
from kubernaut.remediation.execution.validation.rbac import check_rbac
from kubernaut.remediation.execution.validation.rollback import check_rollback
from kubernaut.remediation.execution.validation.sight import Sight
from kubernaut.remediation.execution.validation.target import check_target
from kubernaut.remediation.machine.verdicts import Fail, Move, Verdict, Wait


@dataclass(frozen=True, slots=True)
class Check:
    """One check: None passes. One whose result is in the status is not run again in the same validation."""

    run: Callable[[Run, Order, Sight], Awaitable[Fail | Wait | None]]
    passed: Callable[[ValidationResults], bool]


CHECKS = (
    Check(lambda run, order, _: check_parameters(run, order), lambda results: bool(results.parameter_validation)),
    Check(lambda run, order, _: check_rbac(run, order), lambda results: bool(results.rbac_validation)),
    Check(check_target, lambda results: bool(results.resource_exists)),
    Check(lambda run, order, _: check_rollback(run, order), lambda results: results.policy_validation is not None),
    Check(check_policy, lambda results: results.policy_validation is not None),
    Check(lambda run, order, _: check_dry_run(run, order), lambda results: False),
)


async def validating(run: Run) -> Verdict:
    """Run the checks that have not passed yet. The digest recorded at the start is that of the spec they look at."""
    if run.status.spec_digest is None:
        run.status.spec_digest = spec_digest(run.execution.spec)
    elif changed := run.spec_changed():
        return changed
    try:
        order = run.order()
    except (UnknownAction, ParameterError) as error:
        run.results.parameter_validation = False
        return order_failure(error)
    sight = Sight(run, order)
    for check in CHECKS:
        if check.passed(run.results):
            continue
        answer = await check.run(run, order, sight)
        if answer is not None:
            return answer
    run.results.validation_time = run.now
    return Move(Phase.VALIDATED)


def validation_expired(run: Run) -> Fail:
    """The failure of a validation that outlived its deadline: what it waited for last."""
    results = run.results
    deadline = f"{run.status.deadline:%Y-%m-%dT%H:%M:%SZ}"
    if run.status.is_true(Reason.CHILD_NAME_TAKEN):
        return Fail(Reason.CHILD_NAME_TAKEN, "the name of the dry-run Job is taken by another's Job")
    if results.dry_run_results is not None:
        results.dry_run_results.success = False
        return Fail(Reason.DRY_RUN_TIMEOUT, f"the dry-run did not end by {deadline}")
    if waiting := run.status.condition("PolicyAvailable"):
        return Fail(Reason.POLICY_UNAVAILABLE, f"no policy decision by {deadline}: {waiting.message}")
    return Fail(Reason.VALIDATION_TIMEOUT, f"the checks did not end by {deadline}")
