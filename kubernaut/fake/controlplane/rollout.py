"""The arithmetic of a roll-out: how many pods each ReplicaSet should have next. Pure functions.

The rules are those of k8s.io/kubernetes pkg/controller/deployment (rolling.go, sync.go).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.resources import IntOrString
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet

MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
_DEFAULT_BOUND = "25%"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many pods there must, and may, be during an update."""

    desired: int
    surge: int
    unavailable: int

    @property
    def at_most(self) -> int:
        """The most pods there may be."""
        return self.desired + self.surge

    @property
    def at_least(self) -> int:
        """The fewest available pods there may be."""
        return max(self.desired - self.unavailable, 0)


def bounds_of(deployment: Deployment) -> Bounds:
    """The bounds the Deployment's strategy sets."""
    desired = 1 if deployment.spec.replicas is None else deployment.spec.replicas
    if recreates(deployment):
        return Bounds(desired, 0, 0)
    strategy = deployment.spec.strategy
    rolling = strategy.rolling_update if strategy else None
    surge = resolve(rolling.max_surge if rolling else None, desired, up=True)
    unavailable = resolve(rolling.max_unavailable if rolling else None, desired, up=False)
    if surge == 0 and unavailable == 0:
        # Neither a pod more nor one less would mean no progress at all.
        unavailable = 1
    return Bounds(desired, surge, min(unavailable, desired))


def recreates(deployment: Deployment) -> bool:
    """Whether all old pods go before the first new one comes."""
    return deployment.spec.strategy is not None and deployment.spec.strategy.type == "Recreate"


def next_new(bounds: Bounds, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> int:
    """How many pods the current ReplicaSet should ask for now; `new` None: it is still to be created."""
    current = wanted_replicas(new) if new else 0
    if current >= bounds.desired:
        return bounds.desired
    total = current + sum(map(wanted_replicas, old))
    return current + max(min(bounds.at_most - total, bounds.desired - current), 0)


def next_old(bounds: Bounds, new: ReplicaSet, old: Sequence[ReplicaSet]) -> dict[str, int]:
    """How many pods each older ReplicaSet should ask for now, by name: unavailable pods go first."""
    targets = {rs.name: wanted_replicas(rs) for rs in old}
    total = wanted_replicas(new) + sum(targets.values())
    new_unavailable = max(wanted_replicas(new) - (new.status.available_replicas or 0), 0)
    spare = max(total - bounds.at_least - new_unavailable, 0)
    if not spare:
        return targets
    for rs in old:
        unhealthy = max(wanted_replicas(rs) - (rs.status.available_replicas or 0), 0)
        gone = min(unhealthy, spare)
        targets[rs.name] -= gone
        spare -= gone
    available = (new.status.available_replicas or 0) + sum(rs.status.available_replicas or 0 for rs in old)
    spare = max(available - bounds.at_least, 0)
    for rs in old:
        gone = min(targets[rs.name], spare)
        targets[rs.name] -= gone
        spare -= gone
    return targets


def is_scaling(bounds: Bounds, every: Sequence[ReplicaSet]) -> bool:
    """Whether the number of replicas was changed since the ReplicaSets with pods were last scaled."""
    noted = [rs.metadata.annotations.get(DESIRED_REPLICAS) for rs in every if wanted_replicas(rs)]
    return any(text is not None and text != str(bounds.desired) for text in noted)


def scaled(deployment: Deployment, bounds: Bounds, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> dict[str, int]:
    """How many pods each ReplicaSet gets where only the number changes: each its share, by name."""
    every = [*old, *([new] if new else [])]
    active = [rs for rs in every if wanted_replicas(rs)]
    if len(active) <= 1:
        only = active[0] if active else (new or (old[-1] if old else None))
        return {only.name: bounds.desired} if only is not None else {}
    if new is not None and wanted_replicas(new) == bounds.desired == (new.status.available_replicas or 0):
        return {rs.name: 0 for rs in active if rs is not new}
    if recreates(deployment):
        return {}
    return _shares(deployment, bounds, active)


def _shares(deployment: Deployment, bounds: Bounds, active: Sequence[ReplicaSet]) -> dict[str, int]:
    allowed = bounds.at_most if bounds.desired else 0
    to_add = allowed - sum(map(wanted_replicas, active))
    # The largest first; among equals the newest when growing, the oldest when shrinking.
    ordered = sorted(active, key=lambda rs: rs.metadata.creation_timestamp or 0, reverse=to_add > 0)
    ordered.sort(key=wanted_replicas, reverse=True)
    sizes, added = {}, 0
    for rs in ordered:
        share = _fraction(deployment, bounds, rs) if to_add else 0
        rest = to_add - added
        share = min(share, rest) if to_add > 0 else max(share, rest)
        sizes[rs.name] = wanted_replicas(rs) + share
        added += share
    if to_add:
        first = ordered[0].name
        sizes[first] = max(sizes[first] + to_add - added, 0)
    return sizes


def _fraction(deployment: Deployment, bounds: Bounds, rs: ReplicaSet) -> int:
    if bounds.desired == 0:
        return -wanted_replicas(rs)
    noted = rs.metadata.annotations.get(MAX_REPLICAS, "")
    before = int(noted) if noted.isdecimal() else 0
    before = before or deployment.status.replicas or 0
    if not before:
        return 0
    return math.floor(wanted_replicas(rs) * bounds.at_most / before + 0.5) - wanted_replicas(rs)


def resolve(value: IntOrString | None, of: int, *, up: bool, default: IntOrString = _DEFAULT_BOUND) -> int:
    """A number, or a percentage of `of`, rounded up or down."""
    text = default if value is None else value
    if isinstance(text, int):
        return text
    share = of * int(text.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)
