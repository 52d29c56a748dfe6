"""One action at a time on a target: a Lease for each root owner, held by an execution or by its workflow."""

from kubernaut.remediation.execution.lock.holding import hold_target, lease_name, lock_permissions, release_targets

__all__ = ["hold_target", "lease_name", "lock_permissions", "release_targets"]
