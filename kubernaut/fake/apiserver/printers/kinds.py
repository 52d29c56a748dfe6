"""Which kind is shown by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from kubernaut.fake.apiserver.printers import access, autoscaling, cluster, network, pods, storage, workloads

Printer = Callable[[Mapping[str, Any], datetime], list[Any]]
_ADMISSION: Final = "admissionregistration.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"

PRINTERS: Final[Mapping[str, Printer]] = {
    "pods": pods.pod,
    "podtemplates": workloads.pod_template,
    "replicationcontrollers": workloads.replication_controller,
    "apps/deployments": workloads.deployment,
    "apps/replicasets": workloads.replica_set,
    "apps/statefulsets": workloads.stateful_set,
    "apps/daemonsets": workloads.daemon_set,
    "apps/controllerrevisions": workloads.controller_revision,
    "batch/jobs": workloads.job,
    "batch/cronjobs": workloads.cron_job,
    "policy/poddisruptionbudgets": workloads.disruption_budget,
    "autoscaling/scale": workloads.scale,
    "autoscaling/horizontalpodautoscalers": autoscaling.autoscaler,
    "services": network.service,
    "endpoints": network.endpoints,
    "discovery.k8s.io/endpointslices": network.endpoint_slice,
    "networking.k8s.io/ingresses": network.ingress,
    "networking.k8s.io/ingressclasses": network.ingress_class,
    "networking.k8s.io/networkpolicies": network.network_policy,
    "networking.k8s.io/servicecidrs": network.service_cidr,
    "networking.k8s.io/ipaddresses": network.ip_address,
    "persistentvolumes": storage.volume,
    "persistentvolumeclaims": storage.claim,
    "storage.k8s.io/storageclasses": storage.storage_class,
    "storage.k8s.io/volumeattributesclasses": storage.attributes_class,
    "storage.k8s.io/volumeattachments": storage.attachment,
    "storage.k8s.io/csinodes": storage.csi_node,
    "storage.k8s.io/csidrivers": storage.csi_driver,
    "storage.k8s.io/csistoragecapacities": storage.csi_capacity,
    "nodes": cluster.node,
    "namespaces": cluster.namespace,
    "events": cluster.event,
    "resourcequotas": cluster.quota,
    "componentstatuses": cluster.component_status,
    "coordination.k8s.io/leases": cluster.lease,
    "scheduling.k8s.io/priorityclasses": cluster.priority_class,
    "node.k8s.io/runtimeclasses": cluster.runtime_class,
    "apiregistration.k8s.io/apiservices": cluster.api_service,
    "flowcontrol.apiserver.k8s.io/flowschemas": cluster.flow_schema,
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": cluster.priority_level,
    "resource.k8s.io/deviceclasses": cluster.only_age,
    "resource.k8s.io/resourceclaims": cluster.resource_claim,
    "resource.k8s.io/resourceclaimtemplates": cluster.only_age,
    "resource.k8s.io/resourceslices": cluster.resource_slice,
    "configmaps": access.config_map,
    "secrets": access.secret,
    "serviceaccounts": access.service_account,
    f"{_RBAC}/rolebindings": access.binding,
    f"{_RBAC}/clusterrolebindings": access.binding,
    "certificates.k8s.io/certificatesigningrequests": access.signing_request,
    f"{_ADMISSION}/mutatingwebhookconfigurations": access.webhooks,
    f"{_ADMISSION}/validatingwebhookconfigurations": access.webhooks,
    f"{_ADMISSION}/validatingadmissionpolicies": access.validating_policy,
    f"{_ADMISSION}/mutatingadmissionpolicies": access.mutating_policy,
    f"{_ADMISSION}/validatingadmissionpolicybindings": access.policy_binding,
    f"{_ADMISSION}/mutatingadmissionpolicybindings": access.policy_binding,
}
"""By the place where objects are kept; the cells behind the name, or all of them where the name is not the first."""

NAMES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "storage.k8s.io/storageclasses": storage.storage_class_name,
}
"""Kinds whose first cell is more than the name."""
