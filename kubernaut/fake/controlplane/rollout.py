"""The arithmetic of a rolling update: how many pods each ReplicaSet should have next. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.resources import IntOrString
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet

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
        return Bounds(desired, 0, desired)
    strategy = deployment.spec.strategy
    rolling = strategy.rolling_update if strategy else None
    surge = _resolve(rolling.max_surge if rolling else None, desired, up=True)
    unavailable = _resolve(rolling.max_unavailable if rolling else None, desired, up=False)
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
    for rs in old:
        unhealthy = max(wanted_replicas(rs) - (rs.status.available_replicas or 0), 0)
        gone = min(unhealthy, spare)
        targets[rs.name] -= gone
        spare -= gone
    available = (new.status.available_replicas or 0) + sum(rs.status.available_replicas or 0 for rs in old)
    spare = min(spare, max(available - bounds.at_least, 0))
    for rs in old:
        gone = min(targets[rs.name], spare)
        targets[rs.name] -= gone
        spare -= gone
    return targets


def _resolve(value: IntOrString | None, of: int, *, up: bool) -> int:
    text = _DEFAULT_BOUND if value is None else value
    if isinstance(text, int):
        return text
    share = of * int(text.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)
