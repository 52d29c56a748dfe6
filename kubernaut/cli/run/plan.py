"""Everything that can be found out before a process of controllers starts: made of the settings, without a cluster."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from kubernaut.cli.run.certificates import metrics_tls, webhook_files
from kubernaut.cli.run.consistency import election_of
from kubernaut.cli.run.namespaces import restricted
from kubernaut.cli.run.part import Part
from kubernaut.cli.run.parts import PARTS, available, chosen
from kubernaut.cli.run.settings import ELECTION, EXECUTIONS, REMEDIATIONS, SERVING, RunSettings, described
from kubernaut.cli.run.sources import Configuration, Misconfigured, Problem
from kubernaut.cli.target import BadTarget, BrokenCode, Target, find, imports_from_here, load, unconnected
from kubernaut.client import Client
from kubernaut.client.connect import cluster_target
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, in_a_pod
from kubernaut.install import managed_certificates
from kubernaut.reconcile import Controller, LeaderElection, Manager
from kubernaut.reconcile.serving import CertificateError
from kubernaut.reconcile.webhooks import Webhook

NAME = "kubernaut"


@dataclass(frozen=True)
class Plan:
    """A process that can be started. `parts`: of this package; `target`: the user's own, which takes their place."""

    configuration: Configuration
    server: str
    parts: Sequence[Part] = ()
    target: Target | None = None

    @property
    def name(self) -> str:
        """Of the installation."""
        own = NAME if self.target is None else self.target.top.replace("_", "-").lower()
        return self.settings.name or own

    @property
    def settings(self) -> RunSettings:
        return self.configuration.settings

    @property
    def webhooks(self) -> list[Webhook]:
        """Those of the parts."""
        return [webhook for part in self.parts for webhook in part.webhooks]

    async def controllers(self, client: Client) -> Manager | list[Controller]:
        """What runs, within the namespaces of the settings; or a Manager that the user's code has made.

        Raises Misconfigured, BadTarget, BrokenCode.
        """
        if self.target is None:
            made: Manager | list[Controller] = [part.controller for part in self.parts]
        else:
            made = await load(self.target, client)
        if isinstance(made, Manager):
            self._refuse_what_a_manager_says()
            return made
        names = [controller.name for controller in made]
        if self.target is not None:
            names = chosen(self.configuration, names)
        try:
            return [restricted(one, self.settings.namespace) for one in made if one.name in names]
        except ValueError as error:
            raise Misconfigured([self.configuration.problem("namespace", str(error))]) from None

    def check_whole(self) -> None:
        """What only `--check` does: make the user's controllers without a cluster. Raises Misconfigured."""
        if self.target is None:
            return
        try:
            with imports_from_here():
                asyncio.run(self.controllers(unconnected()))
        except (BadTarget, BrokenCode) as error:
            raise Misconfigured([self.configuration.problem("target", str(error))]) from None

    def election(self) -> LeaderElection | None:
        """How this process takes part in the election, if it does."""
        settings = self.settings
        if not settings.leader_elect:
            return None
        pod = os.environ.get("POD_NAME")
        identity = settings.identity or (f"{pod}_{uuid4()}" if pod else None)
        return election_of(
            settings, name=settings.lease_name or self.name, namespace=self._lease_namespace(), identity=identity
        )

    def _lease_namespace(self) -> str | None:
        """None leaves it to the client's configuration, which in a pod names the pod's own."""
        own = self.settings.lease_namespace or os.environ.get("POD_NAMESPACE") or None
        if own is None and not in_a_pod() and len(self.settings.namespace) == 1:
            return self.settings.namespace[0]
        return own

    def _refuse_what_a_manager_says(self) -> None:
        origins = self.configuration.origins
        fixed = ("controllers", "namespace", "name", "graceful_timeout")
        told = [
            known.field for known in described() if known.field in fixed or known.setting.section in (ELECTION, SERVING)
        ]
        text = f"{self.target} makes a Manager, which has its own: set it there, or return controllers instead"
        problems = [self.configuration.problem(field, text) for field in told if field in origins]
        if problems:
            raise Misconfigured(problems)

    def without_effect(self) -> list[str]:
        """What was given about controllers that do not run."""
        if self.parts:
            return []
        given = self.configuration.origins
        sections = (EXECUTIONS, REMEDIATIONS)
        return [known.key for known in described() if known.setting.section in sections and known.field in given]


def prepare(configuration: Configuration) -> Plan:
    """Check the policy, the kubeconfig, the controllers and the certificates. Connects nowhere, runs no exec plugin.

    Raises Misconfigured with all that is wrong.
    """
    settings = configuration.settings
    problems: list[Problem] = []
    target, parts = None, list[Part]()
    try:
        if settings.target is not None:
            target = Target.parse(settings.target)
            with imports_from_here():
                find(target)
        else:
            parts = _parts(configuration, problems)
    except (BadTarget, BrokenCode) as error:
        problems.append(configuration.problem("target", str(error)))
    server = _server(configuration, problems)
    plan = Plan(configuration, server, parts, target)
    _check_certificates(configuration, plan.name, problems)
    if problems:
        raise Misconfigured(problems)
    return plan


def _parts(configuration: Configuration, problems: list[Problem]) -> list[Part]:
    parts = []
    try:
        for name in chosen(configuration, available(configuration)):
            parts.append(PARTS[name](configuration))
    except Misconfigured as error:
        problems.extend(error.problems)
    return parts


def _server(configuration: Configuration, problems: list[Problem]) -> str:
    settings = configuration.settings
    try:
        return cluster_target(settings.kubeconfig, settings.context, None).cluster.server.url
    except ConfigError as error:
        by_context = settings.context is not None and settings.kubeconfig is None
        problems.append(configuration.problem("context" if by_context else "kubeconfig", str(error)))
        return ""


def _check_certificates(configuration: Configuration, name: str, problems: list[Problem]) -> None:
    settings = configuration.settings
    webhooks = webhook_files(settings) if settings.webhooks else None
    for field, tls in (("metrics_certificate", metrics_tls(settings)), ("webhook_certificate", webhooks)):
        try:
            if tls is not None:
                tls.context()
        except CertificateError as error:
            problems.append(configuration.problem(field, str(error)))
    if settings.webhooks and webhooks is None:
        try:
            managed_certificates(name, "default", []).require()
        except ImportError as error:
            problems.append(configuration.problem("webhooks", str(error)))
