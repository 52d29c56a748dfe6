"""All that can be chosen about `kubernaut gateway`: a field makes an option, an environment variable and a file key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kubernaut.cli.run.consistency import transport_options
from kubernaut.cli.run.settings import CLUSTER, ELECTION, LOGS, SERVING, WHAT, Setting
from kubernaut.cli.run.sources import DEFAULT, Form, Problem, gather, parsed
from kubernaut.cli.run.values import NOWHERE, Address, Count, File, Flag, Name, Namespace, Rate, Span, Text, one_of
from kubernaut.remediation.gateway import GatewayConfig

PREFIX = "KUBERNAUT_GATEWAY_"
NAME = "kubernaut-gateway"
ACCESS = "Who may send"
BOUNDS = "How much at once"


def read_routing(value: object) -> GatewayConfig:
    """The routing: a mapping, or the name of a file that holds one. Raises ValueError that tells all that is wrong."""
    if isinstance(value, GatewayConfig):
        return value
    if isinstance(value, str) and value.strip():
        path = Path(value.strip()).expanduser()
        try:
            value = parsed(path)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is neither a mapping nor the name of a file with one")
    try:
        return GatewayConfig.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    told = [f"{'.'.join(map(str, each['loc'])) or 'routing'}: {_plain(each['msg'])}" for each in found]
    raise ValueError("; ".join(told))


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ")


def _in(section: str, metavar: str = "", **more: bool) -> Setting:
    return Setting(section, metavar, **more)


class GatewaySettings(BaseModel):
    """The effective configuration; each field's description is its help. Made by `read`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    routing: Annotated[
        GatewayConfig,
        BeforeValidator(read_routing),
        _in(WHAT, "FILE"),
        Field(
            description="Which alerts are taken, what they are about, where their requests are; a mapping in a file."
        ),
    ] = GatewayConfig()
    events: Annotated[
        Flag, _in(WHAT), Field(description="Take Kubernetes Events too, as `events` of the routing says.")
    ] = False
    name: Annotated[
        Name, _in(WHAT, "NAME"), Field(description="Of the installation: its Lease, and the manager of its fields.")
    ] = NAME
    graceful_timeout: Annotated[
        Span, _in(WHAT, "DURATION"), Field(description="How long requests in flight may go on when it stops.")
    ] = timedelta(seconds=30)

    bind: Annotated[Address, _in(SERVING, "ADDRESS"), Field(description="Where /alertmanager is served.")] = ":9095"
    certificate: Annotated[
        File | None, _in(SERVING, "FILE"), Field(description="PEM file: serve over TLS with it. Read again on change.")
    ] = None
    key: Annotated[File | None, _in(SERVING, "FILE"), Field(description="PEM file with its key.")] = None
    metrics_bind: Annotated[
        Address, _in(SERVING, "ADDRESS"), Field(description="Where /metrics is served; 0: nowhere.")
    ] = ":8080"
    metrics_secure: Annotated[
        Flag,
        _in(SERVING),
        Field(description="Show metrics only to those whom the API server lets (TokenReview, SubjectAccessReview)."),
    ] = False
    health_bind: Annotated[
        Address, _in(SERVING, "ADDRESS"), Field(description="Where /healthz and /readyz are served; 0: nowhere.")
    ] = ":8081"

    token_file: Annotated[
        File | None,
        _in(ACCESS, "FILE"),
        Field(description="Senders bear one of its tokens, one a line. Read again on change."),
    ] = None
    token_review: Annotated[
        Flag,
        _in(ACCESS),
        Field(description="Senders bear a token that the API server knows, and may `post` to /alertmanager there."),
    ] = False
    client_ca: Annotated[
        File | None,
        _in(ACCESS, "FILE"),
        Field(description="PEM file: senders must have a certificate from there, whatever else they have."),
    ] = None
    allow_anonymous: Annotated[
        Flag, _in(ACCESS), Field(description="Let everybody send who can reach the address.")
    ] = False

    max_body: Annotated[Count, _in(BOUNDS, "BYTES"), Field(description="The longest body of a request.")] = 4194304
    concurrency: Annotated[Count, _in(BOUNDS, "NUMBER"), Field(description="Requests worked on at once.")] = 16
    queue: Annotated[
        Count, _in(BOUNDS, "NUMBER"), Field(description="Requests that may wait; those beyond are answered with 503.")
    ] = 64
    answer_timeout: Annotated[
        Span, _in(BOUNDS, "DURATION"), Field(description="After this a request is answered, finished or not.")
    ] = timedelta(seconds=30)
    body_timeout: Annotated[
        Span, _in(BOUNDS, "DURATION"), Field(description="After this a request's body must have come.")
    ] = timedelta(seconds=10)

    kubeconfig: Annotated[
        File | None,
        _in(CLUSTER, "FILE"),
        Field(description="The cluster. By default $KUBECONFIG, ~/.kube/config, or the pod's own cluster."),
    ] = None
    context: Annotated[
        Text | None, _in(CLUSTER, "NAME"), Field(description="The kubeconfig's context; its current one by default.")
    ] = None
    request_timeout: Annotated[
        Span, _in(CLUSTER, "DURATION"), Field(description="How long one request to the API server may take.")
    ] = timedelta(seconds=10)
    connect_timeout: Annotated[
        Span, _in(CLUSTER, "DURATION"), Field(description="How long a connection may take to be made.")
    ] = timedelta(seconds=5)
    dead_after: Annotated[
        Span, _in(CLUSTER, "DURATION"), Field(description="How long a peer may give no sign of life.")
    ] = timedelta(seconds=45)
    max_connections: Annotated[
        Count, _in(CLUSTER, "NUMBER"), Field(description="Requests to the API server at a time.")
    ] = 100
    qps: Annotated[
        Rate | None,
        _in(CLUSTER, "NUMBER"),
        Field(description="Requests to the API server a second on average. No limit by default."),
    ] = None
    burst: Annotated[
        Count | None, _in(CLUSTER, "NUMBER"), Field(description="Requests at once within `qps`; by default twice it.")
    ] = None

    leader_elect: Annotated[
        Flag, _in(ELECTION), Field(description="With events: only the holder of a Lease looks at them.")
    ] = False
    lease_namespace: Annotated[
        Namespace | None,
        _in(ELECTION, "NAME"),
        Field(description="The Lease's namespace. By default the pod's, else the context's."),
    ] = None

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


@dataclass(frozen=True, slots=True)
class GatewayConfiguration:
    """Settings that fit together; `origins`: where each came from, by field, without those left at their default."""

    settings: GatewaySettings
    origins: Mapping[str, str]

    def problem(self, field: str, text: str) -> Problem:
        """A problem with a field, which names where its value came from."""
        return Problem(field.replace("_", "-"), text, self.origins.get(field, DEFAULT))


def contradictions(settings: GatewaySettings, given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each as the field that it is told about and a sentence with its fix."""
    if settings.bind == NOWHERE:
        yield "bind", "is 0, but a gateway has to be served somewhere: give it an address"
    if settings.certificate is not None and settings.key is None:
        yield "certificate", "needs its key: give key too"
    if settings.key is not None and settings.certificate is None:
        yield "key", "needs its certificate: give certificate too"
    if settings.client_ca is not None and settings.certificate is None:
        yield "client_ca", "clients can be asked for certificates only over TLS: give certificate too"
    checked = settings.token_file is not None or settings.token_review
    if checked and settings.allow_anonymous:
        yield "allow_anonymous", "contradicts token-file and token-review: leave one or the other out"
    if not checked and settings.client_ca is None and not settings.allow_anonymous:
        text = "nobody could send: give token-file, token-review or client-ca, or, if everybody may, allow-anonymous"
        yield "token_file", text
    if settings.leader_elect and not settings.events:
        yield "leader_elect", "has a meaning only with events, for alerts are taken by every replica: leave it out"
    if settings.metrics_bind == NOWHERE and settings.metrics_secure:
        yield "metrics_secure", "no metrics are served, as metrics-bind is 0: give metrics-bind an address"
    if settings.burst is not None and settings.qps is None:
        yield "burst", "has a meaning only with qps: give qps too, or leave burst out"
    yield from _shared(settings)
    try:
        transport_options(settings)
    except ValueError as error:
        yield "dead_after", str(error).partition(": ")[2]


def _shared(settings: GatewaySettings) -> Iterator[tuple[str, str]]:
    """What probes and Prometheus may see is not served where senders come in."""
    for field in ("metrics_bind", "health_bind"):
        if getattr(settings, field) == settings.bind and settings.bind != NOWHERE and not settings.bind.endswith(":0"):
            yield field, f"{settings.bind} is where alerts come in: give it another port"


FORM = Form(GatewaySettings, PREFIX, contradictions)


def read(options: Mapping[str, Any], environment: Mapping[str, str]) -> GatewayConfiguration:
    """The effective configuration; `options` are by field, and `config`. Raises Misconfigured."""
    return GatewayConfiguration(*gather(FORM, options, environment))
