"""One controller of this package as `kubernaut run` starts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client.registry import Collector

from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.webhooks import Webhook
from kubernaut.remediation.execution.webhooks import StatusWriters


def _none(manager: Manager) -> Sequence[Collector]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """One controller, under the name that `--controllers` takes, and the webhooks that belong to it."""

    name: str
    controller: Controller
    webhooks: Sequence[Webhook] = ()
    aclose: Callable[[], Awaitable[None]] | None = None
    """Called when the controller has stopped."""
    service: Callable[[], Awaitable[None]] | None = None
    """Runs beside the controller, on every replica."""
    collectors: Callable[[Manager], Sequence[Collector]] = _none
    """What else is shown at /metrics."""
    writers: StatusWriters | None = None
    """Whose status writes its webhooks accept; none yet where the settings name nobody."""
