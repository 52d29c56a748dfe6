"""Runs a gateway: a client, a manager for everything around it, and the server that alerts come to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubernaut import __version__
from kubernaut.cli.gateway.plan import Plan, access_of, bounds_of, election_of, log_format, permissions_of, tls_of
from kubernaut.cli.gateway.reachable import Reachable
from kubernaut.cli.run.consistency import transport_options
from kubernaut.client import Client
from kubernaut.client.connect import connect
from kubernaut.reconcile import Manager
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.permissions import permissions_of as controllers_permissions
from kubernaut.reconcile.process import run_program
from kubernaut.reconcile.serving import HttpServer, TokenReview
from kubernaut.remediation.gateway import PATH, AlertmanagerWebhook, GatewayMetrics, Intake, events

_log = logger("kubernaut.gateway")


def run_plan(plan: Plan) -> int:
    """Run until a signal, or an error, ends it; the exit code."""

    @asynccontextmanager
    async def program() -> AsyncIterator[Manager]:
        settings = plan.settings
        connected = connect(
            settings.kubeconfig,
            context=settings.context,
            timeout=settings.request_timeout.total_seconds(),
            field_manager=settings.name,
            options=transport_options(settings),
        )
        async with connected as client:
            manager, server = parts(plan, client)
            # Entered last and left first: what is being answered ends before the client is closed.
            async with server:
                _log.info("alerts are taken", url=f"{server.url}{PATH}", version=__version__, server=plan.server)
                yield manager

    return run_program(program, log_format=log_format(plan.settings), log_level=plan.settings.log_level.upper())


def parts(plan: Plan, client: Client) -> tuple[Manager, HttpServer]:
    """The manager, with health, metrics and the controller of Events, and the server, neither of them started.

    Raises ValueError for addresses that cannot be.
    """
    settings = plan.settings
    metrics, intake = GatewayMetrics(), Intake(settings.routing)
    webhook = AlertmanagerWebhook(
        client, intake, metrics, authenticate=access_of(settings, client), bounds=bounds_of(settings)
    )
    grace = settings.graceful_timeout.total_seconds()
    server = HttpServer(webhook, settings.bind, tls=tls_of(settings), grace=grace)
    manager = Manager(
        client,
        name=settings.name,
        graceful_timeout=settings.graceful_timeout,
        leader_election=election_of(settings),
        metrics_bind=settings.metrics_bind,
        metrics_access=TokenReview(client) if settings.metrics_secure else None,
        health_bind=settings.health_bind,
    )
    needed = permissions_of(settings)
    if settings.events:
        controller = events(intake, metrics)
        manager.add(controller)
        needed += controllers_permissions(controller)
    reachable = Reachable(client, settings.routing, needed)
    manager.add_service("api server", reachable.run)
    manager.readyz.add("api-server", reachable.check)
    manager.healthz.add("gateway", lambda: None if server.listening else "no connections are taken")
    manager.metrics.registry.register(metrics)
    return manager, server
