# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of storage.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import TopologySelectorTerm
from kubernaut.resources.builtin.core_v1.volumes import PersistentVolumeSpec
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Quantity, Time

__all__ = [
    "CSIDriver",
    "CSIDriverSpec",
    "CSINode",
    "CSINodeDriver",
    "CSINodeSpec",
    "CSIStorageCapacity",
    "StorageClass",
    "TokenRequest",
    "VolumeAttachment",
    "VolumeAttachmentSource",
    "VolumeAttachmentSpec",
    "VolumeAttachmentStatus",
    "VolumeAttributesClass",
    "VolumeError",
    "VolumeNodeResources",
]


class TokenRequest(PartialModel):
    audience: str
    expiration_seconds: int | None = None


class CSIDriverSpec(PartialModel):
    attach_required: bool | None = None
    fs_group_policy: str | None = None
    node_allocatable_update_period_seconds: int | None = None
    pod_info_on_mount: bool | None = None
    prevent_pod_scheduling_if_missing: bool | None = None
    requires_republish: bool | None = None
    se_linux_mount: bool | None = None
    service_account_token_in_secrets: bool | None = None
    storage_capacity: bool | None = None
    token_requests: ListOf[TokenRequest] = Field(default_factory=list)
    volume_lifecycle_modes: ListOf[str] = Field(default_factory=list)


class CSIDriver(Resource, group="storage.k8s.io", version="v1", scope="Cluster"):
    spec: CSIDriverSpec = Field(default_factory=CSIDriverSpec)


class VolumeNodeResources(PartialModel):
    count: int | None = None


class CSINodeDriver(PartialModel):
    name: str
    allocatable: VolumeNodeResources | None = None
    node_id: str = Field(alias="nodeID")
    topology_keys: ListOf[str] = Field(default_factory=list)


class CSINodeSpec(PartialModel):
    drivers: ListOf[CSINodeDriver] = Field(default_factory=list)


class CSINode(Resource, group="storage.k8s.io", version="v1", scope="Cluster"):
    spec: CSINodeSpec = Field(default_factory=CSINodeSpec)


class CSIStorageCapacity(Resource, group="storage.k8s.io", version="v1"):
    storage_class_name: str
    capacity: Quantity | None = None
    maximum_volume_size: Quantity | None = None
    node_topology: LabelSelector | None = None


class StorageClass(Resource, group="storage.k8s.io", version="v1", scope="Cluster", short_names=("sc",)):
    provisioner: str
    allow_volume_expansion: bool | None = None
    allowed_topologies: ListOf[TopologySelectorTerm] = Field(default_factory=list)
    mount_options: ListOf[str] = Field(default_factory=list)
    parameters: MapOf[str] = Field(default_factory=dict)
    reclaim_policy: str | None = None
    volume_binding_mode: str | None = None


class VolumeAttachmentSource(PartialModel):
    inline_volume_spec: PersistentVolumeSpec | None = None
    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(PartialModel):
    attacher: str
    node_name: str
    source: VolumeAttachmentSource = Field(default_factory=VolumeAttachmentSource)


class VolumeError(PartialModel):
    error_code: int | None = None
    message: str | None = None
    time: Time | None = None


class VolumeAttachmentStatus(PartialModel):
    attach_error: VolumeError | None = None
    attached: bool = False
    attachment_metadata: MapOf[str] = Field(default_factory=dict)
    detach_error: VolumeError | None = None


class VolumeAttachment(Resource, group="storage.k8s.io", version="v1", scope="Cluster", status_subresource=True):
    spec: VolumeAttachmentSpec
    status: VolumeAttachmentStatus = Field(default_factory=VolumeAttachmentStatus)


class VolumeAttributesClass(Resource, group="storage.k8s.io", version="v1", scope="Cluster", short_names=("vac",)):
    driver_name: str
    parameters: MapOf[str] = Field(default_factory=dict)
