"""Which resource has which kind's behaviour."""

from __future__ import annotations

from kubernaut.fake.apiserver.kinds.access import PriorityClassKind, RoleBindingKind, RoleKind
from kubernaut.fake.apiserver.kinds.autoscaling import AutoscalerKind
from kubernaut.fake.apiserver.kinds.base import Kind
from kubernaut.fake.apiserver.kinds.core import (
    ConfigMapKind,
    EventKind,
    NamespaceKind,
    NodeKind,
    PodKind,
    ReturnedKind,
    SecretKind,
    ServiceKind,
)
from kubernaut.fake.apiserver.kinds.crd import CrdKind
from kubernaut.fake.apiserver.kinds.policies import PolicyBindingKind, PolicyKind
from kubernaut.fake.apiserver.kinds.quotas import LimitRangeKind, ResourceQuotaKind
from kubernaut.fake.apiserver.kinds.registration import WebhookConfigurationKind
from kubernaut.fake.apiserver.kinds.storage import ClaimKind, StorageClassKind, VolumeKind
from kubernaut.fake.apiserver.kinds.workloads import (
    CronJobKind,
    DeploymentKind,
    JobKind,
    LeaseKind,
    PdbKind,
    ReplicatedKind,
)
from kubernaut.fake.apiserver.registry import ResourceInfo

_GENERIC = Kind()
_RETURNED = ReturnedKind()
_KINDS: dict[str, Kind] = {
    "pods": PodKind(),
    "namespaces": NamespaceKind(),
    "nodes": NodeKind(),
    "secrets": SecretKind(),
    "configmaps": ConfigMapKind(),
    "services": ServiceKind(),
    "events": EventKind(),
    "apps/deployments": DeploymentKind(),
    "apps/replicasets": ReplicatedKind(),
    "apps/statefulsets": ReplicatedKind(),
    "apps/daemonsets": ReplicatedKind(),
    "replicationcontrollers": ReplicatedKind(),
    "autoscaling/horizontalpodautoscalers": AutoscalerKind(),
    "batch/jobs": JobKind(),
    "batch/cronjobs": CronJobKind(),
    "coordination.k8s.io/leases": LeaseKind(),
    "policy/poddisruptionbudgets": PdbKind(),
    "apiextensions.k8s.io/customresourcedefinitions": CrdKind(),
    "admissionregistration.k8s.io/validatingwebhookconfigurations": WebhookConfigurationKind(),
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": WebhookConfigurationKind(),
    "admissionregistration.k8s.io/validatingadmissionpolicies": PolicyKind(),
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": PolicyBindingKind(),
    "rbac.authorization.k8s.io/roles": RoleKind(),
    "rbac.authorization.k8s.io/clusterroles": RoleKind(),
    "rbac.authorization.k8s.io/rolebindings": RoleBindingKind(),
    "rbac.authorization.k8s.io/clusterrolebindings": RoleBindingKind(),
    "scheduling.k8s.io/priorityclasses": PriorityClassKind(),
    "serviceaccounts": _RETURNED,
    "persistentvolumes": VolumeKind(),
    "persistentvolumeclaims": ClaimKind(),
    "storage.k8s.io/storageclasses": StorageClassKind(),
    "podtemplates": _RETURNED,
    "resourcequotas": ResourceQuotaKind(),
    "limitranges": LimitRangeKind(),
}


def kind_of(resource: ResourceInfo) -> Kind:
    if resource.custom is not None:
        own: Kind = resource.custom.kind_behaviour
        return own
    return _KINDS.get(resource.store, _GENERIC)
