"""Keeps replicas that divide the keys into different numbers of shares from holding shares at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.reconcile.election.config import SHARDS_LABEL, LeaderElection
from kubernaut.reconcile.election.members import Membership, created
from kubernaut.reconcile.election.observed import ObservedRecord
from kubernaut.reconcile.log import logger
from kubernaut.resources.builtin.coordination_v1 import Lease

__all__ = ["Division"]


class Division:
    """Says whether this replica may take shares, given that others may divide the keys otherwise.

    It may not while a share of another division is held, nor while there is a member of another division that is not
    younger. Of two such members, each wrote its lease before it looked for others, so the younger one sees the older:
    the one that may go on is the same in both views. Creation times are whole seconds; of two with the same, neither
    takes anything and each joins again, a random time later. A replica that holds a share may go on whatever its age
    (it may have had to join again): while it does, members of other divisions wait for that share.
    """

    def __init__(self, config: LeaderElection, members: Membership, identity: str) -> None:
        self._ours = str(config.shards)
        self._members = members
        self._seconds = config.lease_duration.total_seconds()
        self._foreign: dict[str, ObservedRecord] = {}
        self._log = logger("kubernaut.election").bind(election=config.name, identity=identity)

    def same(self, lease: Lease) -> bool:
        """Whether the lease is of our division."""
        return lease.metadata.labels.get(SHARDS_LABEL) == self._ours

    async def may_take(self, leases: Sequence[Lease], *, holding: bool) -> bool:
        """Whether shares may be taken, as of the listed leases; `holding`: this replica holds one now."""
        others = {lease.name: lease for lease in leases if not self.same(lease)}
        self._foreign = {name: self._foreign.get(name) or ObservedRecord(self._seconds) for name in others}
        for name, lease in others.items():
            self._foreign[name].see(lease.spec)
        live = [lease for name, lease in others.items() if self._foreign[name].left]
        own = next((created(lease) for lease in leases if lease.name == self._members.name), None)
        shares = [lease for lease in live if not self._members.of(lease)]
        elders = [lease for lease in live if self._members.of(lease) and (own is None or created(lease) <= own)]
        before = shares if holding else shares + elders
        if before:
            names = [lease.name for lease in before]
            self._log.warning("no share is taken: other replicas divide the keys into another number", leases=names)
        if not holding and any(created(lease) == own for lease in elders):
            await self._members.join_again()
        return not before
