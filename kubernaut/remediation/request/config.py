"""What an operator decides about requests: limits, waiting times, and how many may act at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from kubernaut.remediation.execution.webhooks import RegisteredWebhooks, Vouching
from kubernaut.remediation.request.health import HealthCheck, MonitoredHealth
from kubernaut.remediation.request.limits import Limits, Span
from kubernaut.remediation.request.metrics import RequestMetrics
from kubernaut.remediation.request.webhooks import vouching_webhooks


class RequestConfig(BaseModel):
    """The configuration of the request controller.

    `allow_unstamped`: accept requests without `spec.requestedBy`. Objects record no author, and what is done is done in
    the name of whoever asked: leave it off wherever the stamping webhook can run.
    `vouching`: what is asked whether a stamp can be believed, unless `allow_unstamped`; by default the webhook
    configurations named `kubernaut`.
    `trusted_namespaces`: requests that lie there may stand in the way of all others; any other request only of those
    in its own namespace, and where its target lies in its own namespace.
    `ttl_after_end`: how long a request stays after it has ended, and `limits.memory` at least; None for ever.
    `audited`: executions are recorded in an audit log, and stay until they are.
    `health`: what tells whether a target is healthy. `metrics`: where requests are counted. `max_concurrent`: how many
    are reconciled at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    limits: Limits = Limits()
    allow_unstamped: bool = False
    vouching: SkipValidation[Vouching] = Field(default_factory=lambda: RegisteredWebhooks(vouching_webhooks()))
    trusted_namespaces: frozenset[Annotated[str, Field(min_length=1, max_length=63)]] = frozenset({"kubernaut-system"})
    ttl_after_end: Span | None = None
    audited: bool = False
    health: SkipValidation[HealthCheck] = Field(default_factory=MonitoredHealth)
    metrics: SkipValidation[RequestMetrics | None] = None
    max_concurrent: Annotated[int, Field(gt=0)] = 4
