"""What one reconcile of one execution works with: the object, the runtime's context, the configuration, the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from kubernaut.actions import (
    Action,
    Catalog,
    Invocation,
    ParameterError,
    Parameters,
    Target,
    parse_parameters,
    resolve_target,
)
from kubernaut.client import NotFound
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.execution.nearby import names_nearby
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.secretdata import REDACTED
from kubernaut.remediation.execution.types import (
    KubernetesExecution,
    KubernetesExecutionStatus,
    ParametersFrom,
    ValidationResults,
)
from kubernaut.remediation.execution.webhooks.vouching import MISSING, unbelieved
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.machine.verdicts import Fail
from kubernaut.resources import AnyResource, ResourceType


@dataclass(frozen=True, slots=True)
class Order:
    """The typed request that a spec amounts to."""

    action: Action
    parameters: Parameters
    target: Target
    target_type: ResourceType
    timeout: timedelta

    def invocation(self, live: dict[str, Any]) -> Invocation[Parameters]:
        """The request against the live object, from which its preconditions are taken."""
        return Invocation(self.target, self.parameters, live)


@dataclass(slots=True)
class Kept:
    """The parameters that `spec.parametersFrom` leads to, once they have been read."""

    parameters: Mapping[str, Any] | None = None


def parse_order(catalog: Catalog, execution: KubernetesExecution, kept: Kept | None = None) -> Order:
    """Type the spec, with the parameters that are `kept` elsewhere. Raises UnknownAction, TargetError or
    ParameterError."""
    spec = execution.spec
    action = catalog.get(spec.action)
    if spec.parameters_from is None:
        parameters = parse_parameters(action.parameters, spec.parameters, action=spec.action)
    else:
        parameters = _parse_kept(action, spec.parameters_from, kept)
    target = resolve_target(spec.target.to_dict(), action.targets, action=spec.action)
    kinds = [kind for kind in action.targets if (kind.api_version, kind.kind) == (target.api_version, target.kind)]
    timeout = action.default_timeout if spec.timeout is None else spec.timeout
    return Order(action, parameters, target, kinds[0], timeout)


def _parse_kept(action: Action, source: ParametersFrom, kept: Kept | None) -> Parameters:
    where = f"Secret {source.secret_ref.name}"
    if kept is None or kept.parameters is None:
        raise ParameterError("parametersFrom", f"{where} has not been read")
    try:
        return parse_parameters(action.parameters, kept.parameters, action=action.name, captured=True)
    except ParameterError as error:
        # The message would quote what must not be shown.
        raise ParameterError(error.field, f"what {where} holds there does not fit {action.name}") from None


@dataclass(frozen=True, slots=True)
class Run(Step[KubernetesExecution]):
    """One reconcile of one execution."""

    doing: ClassVar[str] = "Execute"

    config: ExecutionConfig
    kept: Kept = field(default_factory=Kept)

    @property
    def execution(self) -> KubernetesExecution:
        return self.obj

    @property
    def status(self) -> KubernetesExecutionStatus:
        return self.obj.status

    @property
    def results(self) -> ValidationResults:
        """`status.validationResults`, made on first use."""
        if self.status.validation_results is None:
            self.status.validation_results = ValidationResults()
        return self.status.validation_results

    def order(self) -> Order:
        """The typed request. Raises as `parse_order` does."""
        return parse_order(self.config.catalog, self.execution, self.kept)

    def shown(self, order: Order) -> dict[str, Any]:
        """The parameters as policies are told of them.

        A policy server logs what it is asked. What no spec may hold it is not told either: of parameters that came from
        a Secret only numbers and switches, which rules about amounts need, and no text, whatever form that has.
        """
        told = order.parameters.to_dict()
        if self.execution.spec.parameters_from is None:
            return told
        return {name: value if isinstance(value, int | float) else REDACTED for name, value in told.items()}

    def spec_changed(self) -> Fail | None:
        """A failure when the spec is not the one that was validated: not every server holds it immutable."""
        if self.status.spec_digest == spec_digest(self.execution.spec):
            return None
        return Fail(Reason.SPEC_CHANGED, "the spec is not the one that was validated")

    async def read_target(self, order: Order) -> dict[str, Any] | Fail:
        """The target as the server has it now, or why it is not the object that was validated. Raises ApiError."""
        kind = order.target_type
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        try:
            live = await self.ctx.client.get(model, order.target.name, namespace=order.target.namespace)
        except NotFound:
            nearby = await names_nearby(self.ctx.client, model, order.target.namespace, order.target.name)
            return Fail(Reason.TARGET_NOT_FOUND, f"{order.target} does not exist{nearby}")
        known = self.status.target
        if known is not None and live.uid != known.uid:
            return Fail(
                Reason.TARGET_REPLACED,
                f"{order.target} is another object than the one that was validated (uid {live.uid}, was {known.uid})",
            )
        return live.to_dict()

    async def doubt(self) -> Fail | None:
        """A failure when the stamp, or the status, may be anybody's: admission has not watched over the execution.

        None where stamps are not asked for. Raises ApiError.
        """
        requester = self.execution.spec.requested_by
        if self.config.allow_unstamped:
            return None
        if requester is None:
            return Fail(Reason.REQUESTER_UNKNOWN, MISSING)
        why = await self.config.vouching.vouches(self.ctx.client, self.execution.metadata.creation_timestamp)
        if why is None:
            return None
        return Fail(Reason.REQUESTER_UNKNOWN, unbelieved(requester.username, why))
