"""Whether a running manager is ready, and what it shows of itself besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kubernaut.reconcile.serving import Checks

INFORMERS = "informers"
CLUSTERS = "clusters"
LEADERSHIP = "leadership"
OPTIONAL = "optional-kinds"


@contextmanager
def shown(
    readyz: Checks,
    waiting_for: Callable[[], list[str]],
    elsewhere: Callable[[], list[str]],
    optional: Callable[[], list[str]],
    leases: Callable[[], Mapping[str, bool]],
) -> Iterator[None]:
    """Answer for a run of the manager in `readyz`, while in the context.

    Required: the informers of the manager's own cluster, of all kinds that are not optional. Shown only: leadership (a
    standby is ready, else a rollout would wait for ever), the informers of other clusters (one that cannot be reached
    would take every replica out of service, webhooks and all), and optional kinds that are absent.
    """

    def informers() -> str:
        return ", ".join(waiting_for())

    def clusters() -> str:
        return ", ".join(elsewhere()) or "all synced"

    def leadership() -> str:
        held = leases()
        if not held:
            return "no election"
        return ", ".join(f"{lease}: {'leading' if leads else 'standby'}" for lease, leads in held.items())

    def absent() -> str:
        return ", ".join(optional()) or "all served"

    readyz.add(INFORMERS, informers)
    readyz.show(CLUSTERS, clusters)
    readyz.show(LEADERSHIP, leadership)
    readyz.show(OPTIONAL, absent)
    try:
        yield
    finally:
        for name in (INFORMERS, CLUSTERS, LEADERSHIP, OPTIONAL):
            readyz.remove(name)
