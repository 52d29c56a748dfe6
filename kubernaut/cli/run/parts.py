"""The controllers of this package by name, each made of the settings; what is wrong with those is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kubernaut.actions import Catalog
from kubernaut.audit import DeferredStore
from kubernaut.cli.run.part import Part
from kubernaut.cli.run.policy import Policy, own_namespaces
from kubernaut.cli.run.remediations import analysis_part, processing_part, request_part, workflow_part
from kubernaut.cli.run.settings import ALL
from kubernaut.cli.run.sources import Configuration, Misconfigured
from kubernaut.cli.run.values import nearest
from kubernaut.install.names import webhook_configuration
from kubernaut.policy import BundleError, PolicyUnavailable
from kubernaut.remediation.approval import ApprovalRequest, ApprovalRequests, approval_webhooks, approvals
from kubernaut.remediation.approval.metrics import ApprovalMetrics
from kubernaut.remediation.execution import ApprovalGate, ExecutionConfig, NoApprovals, PolicyMode, executions
from kubernaut.remediation.execution.auditing import AuditLag, audits
from kubernaut.remediation.execution.metrics import ExecutionMetrics
from kubernaut.remediation.execution.webhooks import (
    RegisteredWebhooks,
    StatusWriters,
    stamping_webhooks,
    status_webhook,
)
from kubernaut.remediation.execution.webhooks.vouching import NAME
from kubernaut.timing import current_clock

EXECUTIONS, APPROVALS, AUDIT = "executions", "approvals", "audit"
WORKFLOWS, REQUESTS, PROCESSINGS, ANALYSES = "workflows", "requests", "processings", "analyses"


def execution_config(configuration: Configuration) -> ExecutionConfig:
    """What the settings say about executions. Raises Misconfigured."""
    return _execution_config(configuration)[0]


def _execution_config(configuration: Configuration) -> tuple[ExecutionConfig, Policy]:
    settings, problems = configuration.settings, []
    own = own_namespaces(settings.executor_namespace)
    try:
        policy = Policy(settings.policy_bundle, settings.policy_opa, protected=own)
    except (BundleError, PolicyUnavailable) as error:
        problems.append(configuration.problem("policy_bundle", str(error)))
    try:
        catalog = _catalog(configuration)
    except Misconfigured as error:
        problems += error.problems
    if problems:
        raise Misconfigured(problems)
    stamps = [*stamping_webhooks(settings.trusted_requesters), status_webhook(StatusWriters())]
    config = ExecutionConfig(
        catalog=catalog,
        evaluator=policy.evaluator,
        policy_mode=PolicyMode(settings.policy_mode),
        executor_namespace=settings.executor_namespace,
        protected_namespaces=own,
        limits=settings.limits,
        allow_unstamped=settings.allow_unstamped,
        trusted_requesters=frozenset(settings.trusted_requesters),
        own_usernames=frozenset(settings.own_user),
        vouching=RegisteredWebhooks(stamps, webhook_configuration(settings.name or NAME)),
        delegate_requester=settings.delegate_requester,
        delegated_requesters=frozenset(settings.delegated_requesters),
        approvals=_gate(configuration, catalog),
        audited=AUDIT in chosen(configuration, available(configuration)),
        metrics=ExecutionMetrics(since=current_clock().now(), actions=catalog),
        ttl_after_end=settings.execution_ttl,
        max_concurrent=settings.max_concurrent,
    )
    return config, policy


def _catalog(configuration: Configuration) -> Catalog:
    try:
        return Catalog.installed(image=configuration.settings.action_image)
    except Exception as error:  # a module of somebody else's, which may raise anything
        text = f"an installed action cannot be used: {error}"
        raise Misconfigured([configuration.problem("controllers", text)]) from error


def _gate(configuration: Configuration, catalog: Catalog) -> ApprovalGate:
    """Approvals are asked for where somebody looks after them, and count where the webhooks say who decided."""
    if APPROVALS not in chosen(configuration, available(configuration)):
        return NoApprovals()
    settings = configuration.settings
    vouching = RegisteredWebhooks(approval_webhooks(), webhook_configuration(settings.name or NAME))
    return ApprovalRequests(webhooks=settings.webhooks, vouching=vouching, catalog=catalog)


def _executions(configuration: Configuration) -> Part:
    config, policy = _execution_config(configuration)
    counted = [config.metrics] if config.metrics is not None else []
    writers = StatusWriters(config.own_usernames)
    return Part(
        EXECUTIONS,
        executions(config),
        [*stamping_webhooks(config.trusted_requesters, own=writers), status_webhook(writers)],
        writers=writers,
        aclose=policy.aclose,
        service=policy.follow if policy.followed else None,
        collectors=lambda manager: counted,
    )


def _approvals(configuration: Configuration) -> Part:
    return Part(
        APPROVALS,
        approvals(),
        approval_webhooks(),
        collectors=lambda manager: [ApprovalMetrics(lambda: manager.cache.list(ApprovalRequest))],
    )


def _audit(configuration: Configuration) -> Part:
    settings, lag = configuration.settings, AuditLag()
    try:
        store = DeferredStore(settings.audit_store or "", token=settings.audit_token)
    except ValueError as error:
        raise Misconfigured([configuration.problem("audit_store", str(error))]) from None
    controller = audits(store, lag=lag, catalog=_catalog(configuration))
    return Part(AUDIT, controller, aclose=store.aclose, collectors=lambda manager: [lag])


def _workflows(configuration: Configuration) -> Part:
    config, policy = _execution_config(configuration)
    return workflow_part(WORKFLOWS, configuration, config, policy)


def _processings(configuration: Configuration) -> Part:
    return processing_part(PROCESSINGS, configuration)


def _analyses(configuration: Configuration) -> Part:
    return analysis_part(ANALYSES, configuration, _catalog(configuration))


def _requests(configuration: Configuration) -> Part:
    audited = AUDIT in chosen(configuration, available(configuration))
    return request_part(REQUESTS, configuration, _catalog(configuration), audited=audited)


PARTS: Mapping[str, Callable[[Configuration], Part]] = {
    EXECUTIONS: _executions,
    APPROVALS: _approvals,
    AUDIT: _audit,
    WORKFLOWS: _workflows,
    PROCESSINGS: _processings,
    ANALYSES: _analyses,
    REQUESTS: _requests,
}
"""By name; making one raises Misconfigured."""


def available(configuration: Configuration) -> list[str]:
    """The names of what can run with these settings: without a store there is nothing to audit to."""
    return [name for name in PARTS if name != AUDIT or configuration.settings.audit_store is not None]


def chosen(configuration: Configuration, available: Sequence[str]) -> list[str]:
    """Which of `available` the setting `controllers` names, in their own order. Raises Misconfigured."""
    given = configuration.settings.controllers
    wanted = [name for name in given if not name.startswith("-")]
    left_out = [name[1:] for name in given if name.startswith("-")]
    unknown = [name for name in (*wanted, *left_out) if name not in (ALL, *available)]
    if unknown:
        told = [f"there is no controller {name!r}: {nearest(name, available)}" for name in unknown]
        raise Misconfigured([configuration.problem("controllers", text) for text in told])
    every = ALL in wanted or not wanted
    names = [name for name in available if (every or name in wanted) and name not in left_out]
    if not names:
        text = f"leaves nothing to run: there is {', '.join(available)}"
        raise Misconfigured([configuration.problem("controllers", text)])
    return names
