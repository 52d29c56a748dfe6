"""Makes the question that the controller would ask of a KubernetesExecution, and asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from kubernaut.actions import Catalog, Invocation, ParameterError, Target, UnknownAction
from kubernaut.cli.manifests import InputError, read_manifests
from kubernaut.client import ApiError, Client, NotFound, TransportError
from kubernaut.policy import PolicyDecision, PolicyEvaluator, PolicyInput, PolicyUnavailable, Requester
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.run import Order, parse_order
from kubernaut.remediation.execution.validation.policy import environment_of, labels_of
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.core_v1 import Namespace

KIND = "KubernetesExecution"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is not in the manifest: labels, who asks, when."""

    namespace_labels: dict[str, str]
    target_labels: dict[str, str]
    requester: Requester | None
    time: datetime
    live: bool = False

    @classmethod
    def of(
        cls,
        namespace_labels: Sequence[str],
        target_labels: Sequence[str],
        user: str,
        groups: Sequence[str],
        time: str | None,
        live: bool,
    ) -> Circumstances:
        """Raises InputError naming the option."""
        if groups and not user:
            raise InputError("--group: needs --user beside it")
        return cls(
            _labels("--namespace-label", namespace_labels),
            _labels("--target-label", target_labels),
            Requester(user, groups=tuple(groups)) if user else None,
            datetime.now(UTC) if time is None else _time(time),
            live,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked about one execution and what came back; without a decision `problem` says why none was asked."""

    source: str
    name: str
    question: PolicyInput | None = None
    decision: PolicyDecision | None = None
    problem: str = ""
    document: dict[str, Any] = field(default_factory=dict)


async def ask(evaluator: PolicyEvaluator, files: Sequence[str], circumstances: Circumstances) -> list[Answer]:
    """An answer for each execution in the files. Raises InputError, PolicyUnavailable."""
    executions = [
        (manifest.source, manifest.name, manifest.body) for manifest in read_manifests(files) if manifest.kind == KIND
    ]
    if not executions:
        raise InputError(f"the files hold no {KIND}")
    if not circumstances.live:
        return [await _ask(evaluator, *each, circumstances, None) for each in executions]
    from kubernaut.client.connect import connect  # the network is imported by those who use it

    async with connect() as client:
        return [await _ask(evaluator, *each, circumstances, client) for each in executions]


async def _ask(
    evaluator: PolicyEvaluator,
    source: str,
    name: str,
    body: dict[str, Any],
    circumstances: Circumstances,
    client: Client | None,
) -> Answer:
    try:
        execution = KubernetesExecution.from_dict(body)
        order = parse_order(Catalog.installed(), execution)
    except ValidationError as error:
        first = error.errors()[0]
        return Answer(source, name, problem=f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (UnknownAction, ParameterError) as error:
        return Answer(source, name, problem=str(error))
    try:
        created = order.action.creates(Invocation(order.target, order.parameters))
    except ParameterError as error:
        return Answer(source, name, problem=str(error))
    question = await _question(execution, order, created, circumstances, client)
    decision = await evaluator.evaluate(question)
    if decision.incomplete:
        raise PolicyUnavailable("; ".join(decision.incomplete))
    return Answer(source, name, question, decision, document=question.to_document())


async def _question(
    execution: KubernetesExecution,
    order: Order,
    created: Mapping[str, Any] | None,
    circumstances: Circumstances,
    client: Client | None,
) -> PolicyInput:
    namespace_labels, target_labels = circumstances.namespace_labels, circumstances.target_labels
    if client is not None:
        namespace_labels, target_labels = await _live_labels(client, order)
    by = execution.spec.requested_by
    stamped = Requester(by.username, by.uid or "", tuple(by.groups)) if by else None
    return PolicyInput(
        action=order.action.name,
        target=order.target,
        parameters=order.parameters.to_dict(),
        environment=environment_of(namespace_labels),
        target_labels=target_labels,
        created=None if created is None else Target.of(created),
        created_labels=labels_of(created),
        namespace_labels=namespace_labels,
        requester=circumstances.requester or stamped,
        risk=order.action.risk,
        time=circumstances.time,
        asks_for_dry_run=execution.spec.dry_run == "always",
    )


async def _live_labels(client: Client, order: Order) -> tuple[dict[str, str], dict[str, str]]:
    kind, target = order.target_type, order.target
    model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
    try:
        live = await client.get(model, target.name, namespace=target.namespace)
        if target.namespace is None:
            return {}, live.metadata.labels
        return (await client.get(Namespace, target.namespace)).metadata.labels, live.metadata.labels
    except NotFound:
        raise InputError(f"--live: {target} does not exist in the cluster") from None
    except (ApiError, TransportError) as error:
        raise InputError(f"--live: the cluster did not answer: {error}") from None


def _labels(option: str, texts: Sequence[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"{option}: {text!r} is no label: write it as environment=production")
        labels[key] = value
    return labels


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--time: {text!r} is no time such as 2024-01-01T03:00:00Z") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
