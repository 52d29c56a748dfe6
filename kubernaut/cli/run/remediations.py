"""The controllers of the remediation story, each made of the settings; what is wrong with those is told at once."""

from __future__ import annotations

from kubernaut.actions import Catalog
from kubernaut.cli.run.part import Part
from kubernaut.cli.run.policy import Policy, own_namespaces
from kubernaut.cli.run.settings import RunSettings
from kubernaut.cli.run.sources import Configuration, Misconfigured, Problem
from kubernaut.install.names import webhook_configuration
from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.remediation.analysis import (
    AnalysisConfig,
    Analyzer,
    RuleError,
    analyses,
    build_analyzer,
    close_analyzer,
)
from kubernaut.remediation.execution import ExecutionConfig
from kubernaut.remediation.execution.webhooks import (
    RegisteredWebhooks,
    StatusWriters,
    stamping_webhooks,
    status_webhook,
)
from kubernaut.remediation.execution.webhooks.vouching import NAME
from kubernaut.remediation.processing import ProcessingConfig, processings
from kubernaut.remediation.request import RequestConfig, RequestMetrics, requests
from kubernaut.remediation.request.health import KINDS, MonitoredHealth
from kubernaut.remediation.request.webhooks import (
    analysis_webhooks,
    facts_webhooks,
    request_webhooks,
    vouching_webhooks,
)
from kubernaut.remediation.workflow import WorkflowConfig, WorkflowExecution, workflows
from kubernaut.timing import current_clock


def workflow_part(name: str, configuration: Configuration, execution: ExecutionConfig, policy: Policy) -> Part:
    """Of workflows, whose steps the controller of executions carries out."""
    settings = configuration.settings
    config = WorkflowConfig(
        execution=execution,
        vouching=_vouching(settings, *_workflow_webhooks(settings, StatusWriters())),
        max_concurrent=settings.max_concurrent,
    )
    writers = StatusWriters(settings.own_user)
    return Part(
        name,
        workflows(config),
        _workflow_webhooks(settings, writers),
        writers=writers,
        aclose=policy.aclose,
        service=policy.follow if policy.followed else None,
    )


def processing_part(name: str, configuration: Configuration) -> Part:
    """Of what gathers facts; in kubernaut's own namespace it may look anywhere."""
    settings = configuration.settings
    config = ProcessingConfig(trusted_namespaces=_trusted(settings), max_concurrent=settings.max_concurrent)
    writers = StatusWriters(settings.own_user)
    return Part(
        name,
        processings(config),
        facts_webhooks(writers),
        writers=writers,
    )


def analysis_part(name: str, configuration: Configuration, catalog: Catalog) -> Part:
    """Of analyses, which ask a service or rules."""
    settings, analyzer = configuration.settings, _analyzer(configuration, catalog)
    config = AnalysisConfig(
        analyzer=analyzer,
        catalog=catalog,
        protected_namespaces=own_namespaces(settings.executor_namespace),
        max_concurrent=settings.max_concurrent,
    )
    writers = StatusWriters(settings.own_user)

    async def close() -> None:
        await close_analyzer(analyzer)

    return Part(name, analyses(config), analysis_webhooks(writers), writers=writers, aclose=close)


def request_part(name: str, configuration: Configuration, catalog: Catalog, *, audited: bool) -> Part:
    """Of requests, which hand their work to all the others."""
    settings = configuration.settings
    metrics = RequestMetrics(since=current_clock().now())
    kinds = [kind for action in catalog for kind in action.targets]
    config = RequestConfig(
        limits=settings.remediation_limits,
        allow_unstamped=settings.allow_unstamped,
        vouching=_vouching(settings, *vouching_webhooks()),
        trusted_namespaces=_trusted(settings),
        ttl_after_end=settings.request_ttl,
        audited=audited,
        health=MonitoredHealth([*KINDS, *kinds]),
        metrics=metrics,
        max_concurrent=settings.max_concurrent,
    )
    writers = StatusWriters(settings.own_user)
    return Part(
        name,
        requests(config),
        request_webhooks(settings.trusted_requesters, writers),
        writers=writers,
        collectors=lambda manager: [metrics],
    )


def _workflow_webhooks(settings: RunSettings, writers: StatusWriters) -> list[AdmissionWebhook]:
    stamps = stamping_webhooks(settings.trusted_requesters, own=writers, kind=WorkflowExecution)
    return [*stamps, status_webhook(writers, WorkflowExecution)]


def _trusted(settings: RunSettings) -> frozenset[str]:
    """The namespaces whose objects may speak of what lies elsewhere: the one that kubernaut itself runs in."""
    own = own_namespaces(settings.executor_namespace) - {settings.executor_namespace}
    return own or RequestConfig.model_fields["trusted_namespaces"].default


def _vouching(settings: RunSettings, *webhooks: AdmissionWebhook) -> RegisteredWebhooks:
    return RegisteredWebhooks(webhooks, webhook_configuration(settings.name or NAME))


def _analyzer(configuration: Configuration, catalog: Catalog) -> Analyzer:
    """The analyzer of the settings. Raises Misconfigured."""
    settings = configuration.settings
    try:
        return build_analyzer(
            catalog,
            rules=settings.analysis_rules,
            shipped=settings.shipped_rules,
            url=settings.analyzer_url,
            token_file=settings.analyzer_token_file,
            ca_file=settings.analyzer_ca,
        )
    except RuleError as error:
        problem: Problem = configuration.problem("analysis_rules", str(error))
    except OSError as error:
        problem = configuration.problem("analyzer_ca", str(error))
    except ValueError as error:
        problem = configuration.problem("shipped_rules", str(error))
    raise Misconfigured([problem])
