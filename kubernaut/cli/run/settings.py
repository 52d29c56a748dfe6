"""All that can be chosen about `kubernaut run`: one field makes an option, an environment variable and a file key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kubernaut.actions import DEFAULT_IMAGE
from kubernaut.cli.run.limits import MAX_CONCURRENT, read_limits, read_remediation_limits, read_workers
from kubernaut.cli.run.values import (
    Address,
    Count,
    File,
    Flag,
    Name,
    Names,
    Namespace,
    Namespaces,
    Rate,
    Span,
    Text,
    Url,
    one_of,
)
from kubernaut.remediation.execution import Limits
from kubernaut.remediation.request.limits import Limits as RemediationLimits

PREFIX = "KUBERNAUT_"
ALL = "*"

WHAT = "What runs"
CLUSTER = "Which cluster, and how"
ELECTION = "Leader election"
SERVING = "What is served"
LOGS = "Logs"
EXECUTIONS = "Executions"
REMEDIATIONS = "Remediations"


@dataclass(frozen=True, slots=True)
class Setting:
    """How one field is shown.

    `many`: the option may be repeated. `positional`: it is the command's argument. `secret`: it is not printed in full.
    """

    section: str
    metavar: str = ""
    many: bool = False
    positional: bool = False
    secret: bool = False


def _in(section: str, metavar: str = "", **more: bool) -> Setting:
    return Setting(section, metavar, **more)


class RunSettings(BaseModel):
    """The effective configuration; each field's description is its help. Made by `kubernaut.cli.run.sources.read`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Annotated[
        Text | None,
        _in(WHAT, "MODULE:ATTR", positional=True),
        Field(description="Controllers of your own, instead of those of this package."),
    ] = None
    controllers: Annotated[
        Names,
        _in(WHAT, "NAME,...", many=True),
        Field(description="Which controllers run: names; `*` is all; `-NAME` leaves one out."),
    ] = (ALL,)
    namespace: Annotated[
        Namespaces,
        _in(WHAT, "NAME,...", many=True),
        Field(description="Watch these namespaces only. All by default."),
    ] = ()
    name: Annotated[
        Name | None,
        _in(WHAT, "NAME"),
        Field(
            description="Of the installation: its Lease, Service and Secret. By default kubernaut, or your package's."
        ),
    ] = None
    graceful_timeout: Annotated[
        Span,
        _in(WHAT, "DURATION"),
        Field(description="How long reconciles in flight may go on when it stops."),
    ] = timedelta(seconds=30)

    kubeconfig: Annotated[
        File | None,
        _in(CLUSTER, "FILE"),
        Field(description="The cluster. By default $KUBECONFIG, ~/.kube/config, or the pod's own cluster."),
    ] = None
    context: Annotated[
        Text | None, _in(CLUSTER, "NAME"), Field(description="The kubeconfig's context; its current one by default.")
    ] = None
    request_timeout: Annotated[
        Span, _in(CLUSTER, "DURATION"), Field(description="How long one request may take; watches are not bound by it.")
    ] = timedelta(seconds=60)
    connect_timeout: Annotated[
        Span, _in(CLUSTER, "DURATION"), Field(description="How long a connection may take to be made.")
    ] = timedelta(seconds=30)
    dead_after: Annotated[
        Span,
        _in(CLUSTER, "DURATION"),
        Field(description="How long a peer may give no sign of life, on idle watches too."),
    ] = timedelta(seconds=45)
    max_connections: Annotated[
        Count, _in(CLUSTER, "NUMBER"), Field(description="Requests at a time; watches are not counted.")
    ] = 100
    qps: Annotated[
        Rate | None, _in(CLUSTER, "NUMBER"), Field(description="Requests a second on average. No limit by default.")
    ] = None
    burst: Annotated[
        Count | None, _in(CLUSTER, "NUMBER"), Field(description="Requests at once within `qps`; by default twice it.")
    ] = None

    leader_elect: Annotated[
        Flag, _in(ELECTION), Field(description="Work only while holding a Lease: for more than one replica.")
    ] = False
    shards: Annotated[
        Count, _in(ELECTION, "NUMBER"), Field(description="Leases among which keys are divided; replicas share them.")
    ] = 1
    lease_name: Annotated[
        Text | None, _in(ELECTION, "NAME"), Field(description="Name of the Lease; by default that of the installation.")
    ] = None
    lease_namespace: Annotated[
        Namespace | None,
        _in(ELECTION, "NAME"),
        Field(description="Its namespace. By default the pod's, else the one of `namespace`, else the context's."),
    ] = None
    identity: Annotated[
        Text | None,
        _in(ELECTION, "NAME"),
        Field(
            description="Who holds the Lease: unique to the process. By default $POD_NAME or the host's, and a UUID."
        ),
    ] = None
    lease_duration: Annotated[
        Span, _in(ELECTION, "DURATION"), Field(description="Others may take a Lease that was not renewed for so long.")
    ] = timedelta(seconds=15)
    renew_deadline: Annotated[
        Span, _in(ELECTION, "DURATION"), Field(description="A leader that cannot renew for so long stops.")
    ] = timedelta(seconds=10)
    retry_period: Annotated[
        Span, _in(ELECTION, "DURATION"), Field(description="Between two attempts to get or renew a Lease.")
    ] = timedelta(seconds=2)

    metrics_bind: Annotated[
        Address, _in(SERVING, "ADDRESS"), Field(description="Where /metrics is served; 0: nowhere.")
    ] = ":8080"
    metrics_secure: Annotated[
        Flag,
        _in(SERVING),
        Field(description="Show metrics only to those whom the API server lets (TokenReview, SubjectAccessReview)."),
    ] = False
    metrics_certificate: Annotated[
        File | None, _in(SERVING, "FILE"), Field(description="PEM file: serve metrics over TLS with it.")
    ] = None
    metrics_key: Annotated[File | None, _in(SERVING, "FILE"), Field(description="PEM file with its key.")] = None
    metrics_client_ca: Annotated[
        File | None, _in(SERVING, "FILE"), Field(description="PEM file: clients must have a certificate from there.")
    ] = None
    webhooks: Annotated[
        Flag,
        _in(SERVING),
        Field(description="Serve the controllers' admission webhooks, which stamp an execution with its requester."),
    ] = False
    webhook_bind: Annotated[Address, _in(SERVING, "ADDRESS"), Field(description="Where webhooks are served.")] = ":9443"
    webhook_certificate: Annotated[
        File | None,
        _in(SERVING, "FILE"),
        Field(description="PEM file to serve webhooks with. Without it, certificates are made, shared and renewed."),
    ] = None
    webhook_key: Annotated[File | None, _in(SERVING, "FILE"), Field(description="PEM file with its key.")] = None
    health_bind: Annotated[
        Address, _in(SERVING, "ADDRESS"), Field(description="Where /healthz and /readyz are served; 0: nowhere.")
    ] = ":8081"

    log_format: Annotated[
        str,
        BeforeValidator(one_of("auto", "console", "json")),
        _in(LOGS, "FORMAT"),
        Field(description="console, json, or auto: console on a terminal, json elsewhere."),
    ] = "auto"
    log_level: Annotated[
        str,
        BeforeValidator(one_of("debug", "info", "warning", "error")),
        _in(LOGS, "LEVEL"),
        Field(description="debug, info, warning or error."),
    ] = "info"

    policy_bundle: Annotated[
        Names,
        _in(EXECUTIONS, "FOLDER,...", many=True),
        Field(description="Folders of Rego rules, which must all agree; `default` is the bundle that is shipped."),
    ] = ("default",)
    policy_opa: Annotated[
        Url | None,
        _in(EXECUTIONS, "URL"),
        Field(description="An OPA server that must agree too; with an empty policy-bundle it decides alone."),
    ] = None
    policy_mode: Annotated[
        str,
        BeforeValidator(one_of("strict", "permissive", "audit")),
        _in(EXECUTIONS, "MODE"),
        Field(description="strict, permissive or audit. Hard denials and approvals hold in each."),
    ] = "strict"
    executor_namespace: Annotated[Namespace, _in(EXECUTIONS, "NAME"), Field(description="Where the Jobs run.")] = (
        "kubernaut-executor"
    )
    action_image: Annotated[
        Text, _in(EXECUTIONS, "IMAGE"), Field(description="The image of the actions' Jobs; it must hold kubectl.")
    ] = DEFAULT_IMAGE
    audit_store: Annotated[
        Text | None,
        _in(EXECUTIONS, "URL", secret=True),
        Field(description="Record every execution there: sqlite:///FILE, postgresql://..., https://..."),
    ] = None
    audit_token: Annotated[
        Text | None,
        _in(EXECUTIONS, "TOKEN", secret=True),
        Field(description="The bearer token for an audit store behind HTTP."),
    ] = None
    execution_ttl: Annotated[
        Span | None,
        _in(EXECUTIONS, "DURATION"),
        Field(description="Delete executions so long after they ended, once audited. By default they stay for ever."),
    ] = None
    max_concurrent: Annotated[
        int,
        BeforeValidator(read_workers),
        _in(EXECUTIONS, "NUMBER"),
        Field(description=f"Executions reconciled at once, at most {MAX_CONCURRENT}."),
    ] = 4
    limits: Annotated[
        Limits,
        BeforeValidator(read_limits),
        _in(EXECUTIONS, "NAME=VALUE,...", many=True),
        Field(description="Bounds of phases and of what is stored, such as validation=1m."),
    ] = Limits()
    allow_unstamped: Annotated[
        Flag, _in(EXECUTIONS), Field(description="Accept executions that no webhook has stamped with their requester.")
    ] = False
    trusted_requesters: Annotated[
        Names,
        _in(EXECUTIONS, "USER,...", many=True),
        Field(description="Usernames that may create executions for whoever asked them: kubernaut's own accounts."),
    ] = ()
    own_user: Annotated[
        Names,
        _in(EXECUTIONS, "USER,...", many=True),
        Field(
            description="Usernames that may write executions' status. By default this process's, as the server says."
        ),
    ] = ()
    delegate_requester: Annotated[
        Flag,
        _in(EXECUTIONS),
        Field(description="The policy answers for the requester, who needs no rights themselves."),
    ] = False
    delegated_requesters: Annotated[
        Names,
        _in(EXECUTIONS, "USER,...", many=True),
        Field(description="Usernames for whom alone the policy answers, such as that of `kubernaut gateway`."),
    ] = ()

    analysis_rules: Annotated[
        Names,
        _in(REMEDIATIONS, "FILE,...", many=True),
        Field(description="Files and folders of rules that are asked before those that are shipped."),
    ] = ()
    shipped_rules: Annotated[
        Flag, _in(REMEDIATIONS), Field(description="Ask the rules that come with kubernaut, after all others.")
    ] = True
    analyzer_url: Annotated[
        Url | None,
        _in(REMEDIATIONS, "URL"),
        Field(description="A service that is asked first: POST of the facts, JSON back."),
    ] = None
    analyzer_token_file: Annotated[
        File | None, _in(REMEDIATIONS, "FILE"), Field(description="Its bearer token. Read again for each call.")
    ] = None
    analyzer_ca: Annotated[
        File | None, _in(REMEDIATIONS, "FILE"), Field(description="PEM file: the CA of its certificate.")
    ] = None
    request_ttl: Annotated[
        Span | None,
        _in(REMEDIATIONS, "DURATION"),
        Field(
            description="Delete remediation requests, with all they made, so long after they ended. By default they"
            " stay for ever."
        ),
    ] = None
    remediation_limits: Annotated[
        RemediationLimits,
        BeforeValidator(read_remediation_limits),
        _in(REMEDIATIONS, "NAME=VALUE,...", many=True),
        Field(description="Bounds of a remediation's phases and of what begins, such as cooldown=10m."),
    ] = RemediationLimits()


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, under all of its names."""

    field: str
    setting: Setting
    help: str
    default: Any
    flag: bool
    prefix: str = PREFIX

    @property
    def key(self) -> str:
        """In files, and in messages."""
        return self.field.replace("_", "-")

    @property
    def option(self) -> str:
        """On the command line."""
        return self.setting.metavar if self.setting.positional else f"--{self.key}"

    @property
    def variable(self) -> str:
        """In the environment."""
        return self.prefix + self.field.upper()


def described(model: type[BaseModel] = RunSettings, prefix: str = PREFIX) -> Iterator[Described]:
    """All settings of a model, in the order in which they are shown; `prefix` is that of their variables."""
    for name, info in model.model_fields.items():
        setting = next(item for item in info.metadata if isinstance(item, Setting))
        default = info.get_default(call_default_factory=True)
        yield Described(name, setting, info.description or "", default, isinstance(default, bool), prefix)
