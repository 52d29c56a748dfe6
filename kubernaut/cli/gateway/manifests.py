"""What a cluster needs for a gateway: a Deployment of several replicas, a Service, the least rights."""

from __future__ import annotations

from pathlib import PurePosixPath

from kubernaut import __version__
from kubernaut.cli.gateway.plan import permissions_of
from kubernaut.cli.gateway.settings import FORM, NAME, GatewaySettings, read
from kubernaut.cli.install.managers import port_of
from kubernaut.cli.install.wanted import Asked, arguments, config_text, in_file
from kubernaut.cli.run.sources import CONFIG, Misconfigured
from kubernaut.install import Installation, Manifest, ServerFeatures, render
from kubernaut.reconcile import LeaderElection
from kubernaut.remediation.gateway import GatewayMetrics, Intake, events

NAMESPACE = "kubernaut-system"
FOLDER = "/etc/kubernaut-gateway"
"""Where the Secret of the installation's name is found: `token`, and with TLS `tls.crt`, `tls.key`, `ca.crt`."""
PORT = "alerts"
_ACCESS = ("token_file", "token_review", "client_ca", "allow_anonymous")
_FILES = ("token_file", "certificate", "key", "client_ca")


def gateway_installation(asked: Asked) -> Installation:
    """Everything that is to be installed. Raises Misconfigured; ValueError, OSError for what cannot be used."""
    given, from_file = dict(asked.settings or {}), in_file(asked.config)
    name = asked.name or given.get("name") or from_file.get("name") or NAME
    told = {**from_file, **given}
    given["name"] = name
    if not any(field in told for field in _ACCESS):
        given["token_file"] = f"{FOLDER}/token"
    if "events" in told and "leader_elect" not in told:
        given["leader_elect"] = told["events"]
    given.setdefault("log_format", told.get("log_format", "json"))
    configuration = read({**given, CONFIG: asked.config}, {})
    settings = configuration.settings
    if isinstance(given.get("routing"), str):
        text = "is a file of this machine: put its content under `routing` into the file of --config"
        raise Misconfigured([configuration.problem("routing", text)])
    port = port_of(settings.bind)
    controllers = [events(Intake(settings.routing), GatewayMetrics())] if settings.events else []
    return Installation(
        name=name,
        namespace=asked.namespace or NAMESPACE,
        image=asked.image or f"kubernaut:{__version__}",
        args=["gateway", *arguments(FORM.settings, asked.config, given)],
        controllers=controllers,
        leader_election=LeaderElection(name, namespace=settings.lease_namespace) if settings.leader_elect else None,
        permissions=permissions_of(settings),
        replicas=asked.replicas,
        metrics_port=port_of(settings.metrics_bind),
        protected_metrics=settings.metrics_secure,
        health_port=port_of(settings.health_bind),
        listens={PORT: port} if port is not None else {},
        mounts={FOLDER: name} if _in_secret(settings) else {},
        graceful_timeout=settings.graceful_timeout,
        config=config_text(asked.config),
        secret=asked.secret,
    )


def gateway_manifests(installation: Installation, server: ServerFeatures) -> list[Manifest]:
    """The manifests; the namespace of the controllers comes with those, as the definition of requests does."""
    made = {"kind": "Namespace", "name": NAMESPACE}
    return [
        manifest
        for manifest in render(installation, server)
        if {"kind": manifest["kind"], "name": manifest["metadata"]["name"]} != made
    ]


def _in_secret(settings: GatewaySettings) -> bool:
    files = [getattr(settings, field) for field in _FILES]
    return any(PurePosixPath(file).parent == PurePosixPath(FOLDER) for file in files if file is not None)
