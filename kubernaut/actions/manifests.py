"""The ServiceAccounts and rights of the actions, as objects to apply."""

from __future__ import annotations

from kubernaut.actions.action import Action, service_account_name
from kubernaut.actions.catalog import Catalog
from kubernaut.actions.jobs import LABEL_ACTION, MANAGED_BY
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import Namespace, ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding, RoleRef, Subject

DEFAULT_NAMESPACE = "kubernaut-executor"


def rbac_manifests(catalog: Catalog, namespace: str = DEFAULT_NAMESPACE) -> list[Resource]:
    """The executor's Namespace and, for each action, a ServiceAccount, a ClusterRole and its binding.

    In the order in which they can be applied. Each action has rights of its own and no action has another's.
    """
    manifests: list[Resource] = [_namespace(namespace)]
    for action in catalog:
        manifests += _for_action(action, namespace)
    return manifests


def _namespace(name: str) -> Namespace:
    # The Jobs meet the strictest Pod Security level, so nothing weaker may run beside their ServiceAccounts.
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    return Namespace(metadata=ObjectMeta(name=name, labels={**MANAGED_BY, **enforce}))


def _for_action(action: Action, namespace: str) -> list[Resource]:
    account = service_account_name(action.name)
    role = f"kubernaut-{account}"
    labels = {**MANAGED_BY, LABEL_ACTION: action.name}
    return [
        ServiceAccount(metadata=ObjectMeta(name=account, namespace=namespace, labels=dict(labels))),
        ClusterRole(metadata=ObjectMeta(name=role, labels=dict(labels)), rules=action.rbac()),
        ClusterRoleBinding(
            metadata=ObjectMeta(name=role, labels=dict(labels)),
            role_ref=RoleRef(kind="ClusterRole", name=role),
            subjects=[Subject(kind="ServiceAccount", name=account, namespace=namespace)],
        ),
    ]
