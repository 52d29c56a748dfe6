"""Leader election by Lease, for one leader or for shares of the keys, and the fence that stops late writes.

    ownership = contend(client, LeaderElection("widgets"), random=Random(seed))
    fenced = client.through(lambda inner: FencedTransport(inner, ownership.fence(None), ownership.write_timeout))
    await ownership.run()

Guarantees, as long as clocks run at about the same rate (lease_duration / renew_deadline apart, at worst): at most one
replica finds the fence of a lease open at a time, and no write is sent through a fence later than the renew deadline
after the last successful renewal was sent. With the defaults, another replica leads at most 24 s after a leader died
(15 s lease, and two jittered retry periods of up to 4.4 s), and within a retry period or two after an orderly stop.

Caveats: a write that the network delivers late is stopped only by its preconditions (a resourceVersion, a uid): a
server-side apply, a create and a patch without them have none. Deleting a lease by hand is safe unless a replica
starts, and so knows nothing of its holder, in the two seconds before the holder restores it. A machine that is
suspended stops the clock that all this counts by: after it wakes, a former leader may write for up to the renew
deadline.
"""

from __future__ import annotations

from random import Random

from kubernaut.client import Client
from kubernaut.reconcile.election.config import LeaderElection
from kubernaut.reconcile.election.elector import Report
from kubernaut.reconcile.election.errors import LeadershipLost, NotLeading
from kubernaut.reconcile.election.fence import Fence
from kubernaut.reconcile.election.identity import default_identity
from kubernaut.reconcile.election.ownership import Ownership, SingleOwnership
from kubernaut.reconcile.election.sharded import ShardedOwnership
from kubernaut.reconcile.election.shares import Share
from kubernaut.reconcile.election.transport import FencedTransport
from kubernaut.timing import Clock

__all__ = [
    "Fence",
    "FencedTransport",
    "LeaderElection",
    "LeadershipLost",
    "NotLeading",
    "Ownership",
    "Share",
    "contend",
]


def contend(
    client: Client,
    config: LeaderElection,
    *,
    random: Random,
    clock: Clock | None = None,
    report: Report | None = None,
) -> Ownership:
    """One replica's part in the election that `config` names; call it within the event loop, run it once.

    `client` must not be fenced. `random` makes jitter and the default identity; `clock` the times written into leases.
    `report(lease, text)` is told "<identity> became leader" and "<identity> stopped leading", for an Event.
    """
    identity = config.identity or default_identity(random)
    kind = SingleOwnership if config.shards == 1 else ShardedOwnership
    return kind(client, config, identity, random, clock=clock, report=report)
