"""Whether a running manager is ready, and what it shows of itself besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.serving import Checks

UNREADY_AFTER = 60.0
"""Seconds for which a list or watch must have been failing before it costs the readiness.

Longer than API servers take to be restarted one by one, or a load balancer to leave one out, so that a blip does not
take all replicas out of service at once; short enough that one that is cut off is seen within two minutes, the 45 s
included in which TCP finds a peer that vanished.
"""
INFORMERS = "informers"
CLUSTERS = "clusters"
LEADERSHIP = "leadership"
OPTIONAL = "optional-kinds"


def is_waiting(informer: Informer) -> bool:
    """Whether it has no complete list, or of a kind that the server does not serve."""
    return informer.absent or not informer.synced.is_set()


def is_blind(informer: Informer) -> bool:
    """Whether what it holds cannot be relied on: there is no complete list, or it is not kept up to date."""
    return is_waiting(informer) or informer.failing_for > UNREADY_AFTER


def not_running() -> str:
    """What answers for the informers while there are none: hosts may ask before a run has begun, and after its end."""
    return "the manager is not running"


@contextmanager
def shown(
    readyz: Checks,
    blind: Callable[[], list[str]],
    elsewhere: Callable[[], list[str]],
    optional: Callable[[], list[str]],
    leases: Callable[[], Mapping[str, bool]],
) -> Iterator[None]:
    """Answer for a run of the manager in `readyz`, while in the context.

    Required: the informers of the manager's own cluster, of all kinds that are not optional: with a complete list, and
    not failing for longer than UNREADY_AFTER. Shown only: leadership (a
    standby is ready, else a rollout would wait for ever), the informers of other clusters (one that cannot be reached
    would take every replica out of service, webhooks and all), and optional kinds that are absent.
    """

    def informers() -> str:
        return ", ".join(blind())

    def clusters() -> str:
        return ", ".join(elsewhere()) or "all synced"

    def leadership() -> str:
        held = leases()
        if not held:
            return "no election"
        return ", ".join(f"{lease}: {'leading' if leads else 'standby'}" for lease, leads in held.items())

    def absent() -> str:
        return ", ".join(optional()) or "all served"

    readyz.remove(INFORMERS)
    readyz.add(INFORMERS, informers)
    readyz.show(CLUSTERS, clusters)
    readyz.show(LEADERSHIP, leadership)
    readyz.show(OPTIONAL, absent)
    try:
        yield
    finally:
        for name in (INFORMERS, CLUSTERS, LEADERSHIP, OPTIONAL):
            readyz.remove(name)
        readyz.add(INFORMERS, not_running)
