"""Wires the request controller: its children, and the requests that wait for each other."""

from __future__ import annotations

from kubernaut.reconcile import Backoff, Controller, Permission, Watch
from kubernaut.remediation.request.config import RequestConfig
from kubernaut.remediation.request.keys import INDEXES, freed_by
from kubernaut.remediation.request.lifetime import lifetime_permissions
from kubernaut.remediation.request.reconciler import KINDS, RequestReconciler
from kubernaut.remediation.request.types import RemediationRequest


def requests(config: RequestConfig | None = None) -> Controller:
    """The controller of RemediationRequests, for production and for tests alike."""
    config = config or RequestConfig()
    return Controller(
        RemediationRequest,
        RequestReconciler(config),
        owns=KINDS,
        watches=[Watch(RemediationRequest, to=freed_by)],
        indexes=INDEXES,
        max_concurrent=config.max_concurrent,
        # Errors must not put off a deadline by more than that.
        backoff=Backoff(cap=config.limits.poll.total_seconds()),
        permissions=_permissions(config),
    )


def _permissions(config: RequestConfig) -> list[Permission]:
    """What the reconciler does beyond watching."""
    why = "hands its work to them, reads them where the cache may be old, and stops them"
    return [
        *(Permission(["get", "list", "create", "delete"], kind, why=why) for kind in KINDS),
        Permission(
            ["update"], RemediationRequest, subresource="finalizers", why="owner references that block its deletion"
        ),
        Permission(["get"], RemediationRequest, why="sees which of two requests goes on to act on a target"),
        *lifetime_permissions(config),
        *config.health.permissions,
        *(() if config.allow_unstamped else config.vouching.permissions),
    ]
