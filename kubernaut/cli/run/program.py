"""Runs a plan: a client, a manager with what was chosen, and the process around them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from kubernaut.cli.run.certificates import metrics_tls, own_namespace, webhook_files
from kubernaut.cli.run.consistency import transport_options
from kubernaut.cli.run.identity import OwnUser
from kubernaut.cli.run.plan import Plan
from kubernaut.cli.run.registered import CHECK, Registered
from kubernaut.cli.run.startup import StartUp
from kubernaut.cli.target import imports_from_here
from kubernaut.client import Client
from kubernaut.client.connect import connect
from kubernaut.install import managed_certificates
from kubernaut.install.names import webhook_configuration
from kubernaut.reconcile import Manager
from kubernaut.reconcile.process import LogFormat, run_program
from kubernaut.reconcile.serving import TokenReview


def run_plan(plan: Plan) -> int:
    """Run until a signal, or an error, ends it; the exit code."""

    @asynccontextmanager
    async def program() -> AsyncIterator[Manager]:
        settings = plan.settings
        connected = connect(
            settings.kubeconfig,
            context=settings.context,
            timeout=settings.request_timeout.total_seconds(),
            options=transport_options(settings),
        )
        async with AsyncExitStack() as closing, connected as client:
            for part in plan.parts:
                if part.aclose is not None:
                    closing.push_async_callback(part.aclose)
            manager = await manager_of(plan, client)
            start_up = StartUp(client, manager, plan, to_terminal=_to_terminal(plan))
            manager.add_service("start-up", start_up.run)
            yield manager

    with imports_from_here():
        return run_program(program, log_format=log_format(plan), log_level=plan.settings.log_level.upper())


async def manager_of(plan: Plan, client: Client) -> Manager:
    """The manager of what was chosen, or the one that the user's own code has made.

    Raises Misconfigured, BadTarget, BrokenCode.
    """
    made = await plan.controllers(client)
    if isinstance(made, Manager):
        return made
    settings = plan.settings
    manager = Manager(
        client,
        name=plan.name,
        graceful_timeout=settings.graceful_timeout,
        leader_election=plan.election(),
        metrics_bind=settings.metrics_bind,
        metrics_tls=metrics_tls(settings),
        metrics_access=TokenReview(client) if settings.metrics_secure else None,
        health_bind=settings.health_bind,
    )
    manager.add(*made)
    for part in plan.parts:
        if part.service is not None:
            manager.add_service(part.name, part.service)
        for collector in part.collectors(manager):
            manager.metrics.registry.register(collector)
    if settings.webhooks and plan.webhooks:
        tls = webhook_files(settings) or managed_certificates(plan.name, own_namespace(client), plan.webhooks)
        manager.add_webhooks(*plan.webhooks, bind=settings.webhook_bind, tls=tls)
        _watch_over(manager, plan, client)
    return manager


def _watch_over(manager: Manager, plan: Plan, client: Client) -> None:
    """See to it that stamps can be believed: not ready while the API server does not ask us."""
    writers = [part.writers for part in plan.parts if part.writers is not None]
    own_user = OwnUser(client, plan.settings, plan.name, writers)
    manager.add_service("own user", own_user.run)
    registered = Registered(client, plan.webhooks, webhook_configuration(plan.name), own_user)
    manager.readyz.add(CHECK, registered.check)


def log_format(plan: Plan) -> LogFormat:
    """The configured one; of `auto`, what suits standard error."""
    given = plan.settings.log_format
    if given == "json":
        return "json"
    return "console" if given == "console" or sys.stderr.isatty() else "json"


def _to_terminal(plan: Plan) -> bool:
    return log_format(plan) == "console" and sys.stderr.isatty()
