"""The execution that another one undoes, and the parameters which that one keeps in a Secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubernaut.actions import ParameterError, Target, UnknownAction, resolve_target
from kubernaut.actions.target import is_name
from kubernaut.client import NotFound
from kubernaut.remediation.execution.keeping import read_kept
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.types import KubernetesExecution, Phase, RollbackRef
from kubernaut.remediation.machine import Fail, Verdict

Handler = Callable[[Run], Awaitable[Verdict]]


def with_parameters(handler: Handler) -> Handler:
    """The handler of a phase, asked once the parameters have been read: see `take_parameters`."""

    async def asked(run: Run) -> Verdict:
        refusal = await take_parameters(run)
        return refusal if refusal is not None else await handler(run)

    return asked


async def take_parameters(run: Run) -> Fail | None:
    """Read what `spec.parametersFrom` leads to, if it does, so that `run.order()` knows it.

    Whoever may create executions need not be allowed to read Secrets: so this is done only for what undoes an execution
    exactly as that one recorded, on the object from which it was captured. Raises ApiError.
    """
    spec = run.execution.spec
    if spec.parameters_from is None:
        return None
    if spec.rollback_of is None or spec.parameters:
        text = "spec.parametersFrom: needs spec.rollbackOf, and takes the place of spec.parameters"
        return Fail(Reason.ROLLBACK_INVALID, text)
    try:
        kinds = run.config.catalog.get(spec.action).targets
        target = resolve_target(spec.target.to_dict(), kinds, action=spec.action)
    except (UnknownAction, ParameterError):
        # Told by who types the spec.
        return None
    original = await find_undone(run, spec.rollback_of, target)
    if isinstance(original, Fail):
        return original
    kept = await read_kept(run, original)
    if isinstance(kept, str):
        return Fail(Reason.ROLLBACK_INVALID, f"spec.parametersFrom: {kept}")
    run.kept.parameters = kept.parameters
    return None


async def find_undone(run: Run, reference: RollbackRef, target: Target) -> KubernetesExecution | Fail:
    """The execution that `run`'s undoes, whose target is `target`: it exists, and recorded just this. Raises
    ApiError."""
    namespace = run.execution.namespace
    if reference.namespace not in (None, namespace):
        # Whoever may create executions here need not know anything of those elsewhere.
        return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf.namespace: must be {namespace}, the execution's own")
    if not is_name(reference.name):
        # Such as `..`, which in a path is something else.
        return Fail(Reason.ROLLBACK_INVALID, f'spec.rollbackOf.name: "{reference.name}" is no name of an object')
    if not reference.name:
        return Fail(Reason.ROLLBACK_INVALID, "spec.rollbackOf.name: is empty")
    try:
        original = await run.ctx.client.get(KubernetesExecution, reference.name, namespace=namespace)
    except NotFound:
        return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf: execution {namespace}/{reference.name} does not exist")
    refusal = _refusal(run, reference, target, original)
    return original if refusal is None else Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf: {refusal}")


def _refusal(run: Run, reference: RollbackRef, target: Target, original: KubernetesExecution) -> str | None:
    spec, back = run.execution.spec, original.status.rollback_information
    if reference.uid is not None and reference.uid != original.uid:
        return f"{original.name} is another execution than the one that is meant (uid {original.uid})"
    if original.status.phase != Phase.ROLLBACK_READY or back is None or not back.available:
        return f"{original.name} has nothing to roll back (phase {original.status.phase or 'none'})"
    wanted, source = back.target, spec.parameters_from
    same = (
        back.action == spec.action
        and (back.parameters or {}) == spec.parameters
        and back.secret_ref == (source.secret_ref if source is not None else None)
        and wanted is not None
        and wanted.api_version in (None, target.api_version)
        and (wanted.kind, wanted.namespace, wanted.name) == (target.kind, target.namespace, target.name)
    )
    return None if same else f"this is not what {original.name} recorded: use `kubernaut rollback {original.name}`"
