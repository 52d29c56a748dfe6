"""What can be found out before a gateway starts, without a cluster, and its settings as the parts take them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from uuid import uuid4

from kubernaut.cli.gateway.settings import GatewayConfiguration, GatewaySettings
from kubernaut.cli.run.sources import Misconfigured, Problem
from kubernaut.client import Client
from kubernaut.client.connect import cluster_target
from kubernaut.client.transports.kubernetes_asyncio import ConfigError
from kubernaut.reconcile import LeaderElection, Permission
from kubernaut.reconcile.process import LogFormat
from kubernaut.reconcile.serving import Authenticate, CertificateError, TlsFiles, TokenReview
from kubernaut.remediation.gateway import BearerTokens, Bounds, any_of, gateway_permissions
from kubernaut.resources.builtin.authentication_v1 import TokenReview as TokenReviewKind
from kubernaut.resources.builtin.authorization_v1 import SubjectAccessReview


@dataclass(frozen=True, slots=True)
class Plan:
    """A gateway that can be started; `server`: the API server's address."""

    configuration: GatewayConfiguration
    server: str

    @property
    def settings(self) -> GatewaySettings:
        return self.configuration.settings


def prepare(configuration: GatewayConfiguration) -> Plan:
    """Look at the kubeconfig, the certificate and the tokens. Connects nowhere. Raises Misconfigured."""
    settings, problems = configuration.settings, list[Problem]()
    server = ""
    try:
        server = cluster_target(settings.kubeconfig, settings.context, None).cluster.server.url
    except ConfigError as error:
        by_context = settings.context is not None and settings.kubeconfig is None
        problems.append(configuration.problem("context" if by_context else "kubeconfig", str(error)))
    tls = tls_of(settings)
    try:
        if tls is not None:
            tls.context()
    except CertificateError as error:
        problems.append(configuration.problem("certificate", str(error)))
    if settings.token_file is not None:
        tokens = BearerTokens(settings.token_file)
        tokens.load()
        if tokens.problem is not None:
            problems.append(configuration.problem("token_file", f"{settings.token_file} {tokens.problem}"))
    if problems:
        raise Misconfigured(problems)
    return Plan(configuration, server)


def tls_of(settings: GatewaySettings) -> TlsFiles | None:
    """What alerts are received over."""
    if settings.certificate is None or settings.key is None:
        return None
    return TlsFiles(settings.certificate, settings.key, settings.client_ca)


def access_of(settings: GatewaySettings, client: Client) -> Authenticate | None:
    """Who may send; None where everybody may who gets through TLS."""
    ways: list[Authenticate] = []
    if settings.token_file is not None:
        ways.append(BearerTokens(settings.token_file))
    if settings.token_review:
        ways.append(TokenReview(client))
    return any_of(ways) if ways else None


def bounds_of(settings: GatewaySettings) -> Bounds:
    """How much is taken in at once."""
    return Bounds(
        body_bytes=settings.max_body,
        body_seconds=settings.body_timeout.total_seconds(),
        seconds=settings.answer_timeout.total_seconds(),
        at_once=settings.concurrency,
        queue=settings.queue,
    )


def election_of(settings: GatewaySettings) -> LeaderElection | None:
    """How this process takes part in the election, if it does."""
    if not (settings.leader_elect and settings.events):
        return None
    pod = os.environ.get("POD_NAME")
    namespace = settings.lease_namespace or os.environ.get("POD_NAMESPACE") or None
    return LeaderElection(settings.name, namespace=namespace, identity=f"{pod}_{uuid4()}" if pod else None)


def permissions_of(settings: GatewaySettings) -> list[Permission]:
    """What the process asks of the API server, but for leader election, protected metrics and the controller's own."""
    found = [] if settings.events else gateway_permissions(settings.routing)
    if settings.token_review:
        found.append(Permission(["create"], TokenReviewKind, why="asks whose token a sender has"))
        found.append(Permission(["create"], SubjectAccessReview, why="asks whether a sender may send"))
    return found


def log_format(settings: GatewaySettings) -> LogFormat:
    """The configured one; of `auto`, what suits standard error."""
    if settings.log_format == "json":
        return "json"
    return "console" if settings.log_format == "console" or sys.stderr.isatty() else "json"
