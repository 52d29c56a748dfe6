"""What a process may do at the API server: derived from its controllers, rendered as rules, held to in tests."""

from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.permissions.derived import election_permissions, manager_permissions, permissions_of
from kubernaut.reconcile.permissions.enforcing import DeclaredTransport, Undeclared, declared
from kubernaut.reconcile.permissions.rules import Rules, policy_rules

__all__ = [
    "DeclaredTransport",
    "Permission",
    "Rules",
    "Undeclared",
    "declared",
    "election_permissions",
    "manager_permissions",
    "permissions_of",
    "policy_rules",
]
