"""One action at a time on a target: a Lease for each root owner, held by an execution or by its workflow."""

from kubernaut.remediation.execution.lock.holding import (
    hold_for_workflow,
    hold_target,
    lease_name,
    lock_permissions,
    release_targets,
    release_workflow,
)
from kubernaut.remediation.execution.lock.leftover import held_under, watch_leases
from kubernaut.remediation.execution.lock.roots import CLIMBED, root_of

__all__ = [
    "CLIMBED",
    "held_under",
    "hold_for_workflow",
    "hold_target",
    "lease_name",
    "lock_permissions",
    "release_targets",
    "release_workflow",
    "root_of",
    "watch_leases",
]
