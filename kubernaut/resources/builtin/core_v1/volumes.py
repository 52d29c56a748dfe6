# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: storage and claims to it."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    FCVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    HostPathVolumeSource,
    NFSVolumeSource,
    NodeSelector,
    ObjectReference,
    PersistentVolumeClaimSpec,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    VsphereVirtualDiskVolumeSource,
)
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Quantity, Time

__all__ = [
    "AzureFilePersistentVolumeSource",
    "CSIPersistentVolumeSource",
    "CephFSPersistentVolumeSource",
    "CinderPersistentVolumeSource",
    "FlexPersistentVolumeSource",
    "GlusterfsPersistentVolumeSource",
    "ISCSIPersistentVolumeSource",
    "LocalVolumeSource",
    "ModifyVolumeStatus",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PersistentVolumeClaimCondition",
    "PersistentVolumeClaimStatus",
    "PersistentVolumeSpec",
    "PersistentVolumeStatus",
    "RBDPersistentVolumeSource",
    "ScaleIOPersistentVolumeSource",
    "SecretReference",
    "StorageOSPersistentVolumeSource",
    "VolumeNodeAffinity",
]


class AzureFilePersistentVolumeSource(PartialModel):
    secret_name: str
    share_name: str
    read_only: bool | None = None
    secret_namespace: str | None = None


class SecretReference(PartialModel):
    name: str | None = None
    namespace: str | None = None


class CSIPersistentVolumeSource(PartialModel):
    driver: str
    volume_handle: str
    controller_expand_secret_ref: SecretReference | None = None
    controller_publish_secret_ref: SecretReference | None = None
    fs_type: str | None = None
    node_expand_secret_ref: SecretReference | None = None
    node_publish_secret_ref: SecretReference | None = None
    node_stage_secret_ref: SecretReference | None = None
    read_only: bool | None = None
    volume_attributes: MapOf[str] = Field(default_factory=dict)


class CephFSPersistentVolumeSource(PartialModel):
    monitors: ListOf[str] = Field(default_factory=list)
    path: str | None = None
    read_only: bool | None = None
    secret_file: str | None = None
    secret_ref: SecretReference | None = None
    user: str | None = None


class CinderPersistentVolumeSource(PartialModel):
    volume_id: str
    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: SecretReference | None = None


class FlexPersistentVolumeSource(PartialModel):
    driver: str
    fs_type: str | None = None
    options: MapOf[str] = Field(default_factory=dict)
    read_only: bool | None = None
    secret_ref: SecretReference | None = None


class GlusterfsPersistentVolumeSource(PartialModel):
    endpoints: str
    path: str
    endpoints_namespace: str | None = None
    read_only: bool | None = None


class ISCSIPersistentVolumeSource(PartialModel):
    iqn: str
    lun: int
    target_portal: str
    chap_auth_discovery: bool | None = None
    chap_auth_session: bool | None = None
    fs_type: str | None = None
    initiator_name: str | None = None
    iscsi_interface: str | None = None
    portals: ListOf[str] = Field(default_factory=list)
    read_only: bool | None = None
    secret_ref: SecretReference | None = None


class LocalVolumeSource(PartialModel):
    path: str
    fs_type: str | None = None


class ModifyVolumeStatus(PartialModel):
    status: str
    target_volume_attributes_class_name: str | None = None


class RBDPersistentVolumeSource(PartialModel):
    image: str
    fs_type: str | None = None
    keyring: str | None = None
    monitors: ListOf[str] = Field(default_factory=list)
    pool: str | None = None
    read_only: bool | None = None
    secret_ref: SecretReference | None = None
    user: str | None = None


class ScaleIOPersistentVolumeSource(PartialModel):
    gateway: str
    system: str
    fs_type: str | None = None
    protection_domain: str | None = None
    read_only: bool | None = None
    secret_ref: SecretReference = Field(default_factory=SecretReference)
    ssl_enabled: bool | None = None
    storage_mode: str | None = None
    storage_pool: str | None = None
    volume_name: str | None = None


class StorageOSPersistentVolumeSource(PartialModel):
    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: ObjectReference | None = None
    volume_name: str | None = None
    volume_namespace: str | None = None


class VolumeNodeAffinity(PartialModel):
    required: NodeSelector | None = None


class PersistentVolumeSpec(PartialModel):
    access_modes: ListOf[str] = Field(default_factory=list)
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    azure_file: AzureFilePersistentVolumeSource | None = None
    capacity: MapOf[Quantity] = Field(default_factory=dict)
    cephfs: CephFSPersistentVolumeSource | None = None
    cinder: CinderPersistentVolumeSource | None = None
    claim_ref: ObjectReference | None = None
    csi: CSIPersistentVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flex_volume: FlexPersistentVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    glusterfs: GlusterfsPersistentVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    iscsi: ISCSIPersistentVolumeSource | None = None
    local: LocalVolumeSource | None = None
    mount_options: ListOf[str] = Field(default_factory=list)
    nfs: NFSVolumeSource | None = None
    node_affinity: VolumeNodeAffinity | None = None
    persistent_volume_reclaim_policy: str | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    scale_io: ScaleIOPersistentVolumeSource | None = Field(default=None, alias="scaleIO")
    storage_class_name: str | None = None
    storageos: StorageOSPersistentVolumeSource | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None


class PersistentVolumeStatus(PartialModel):
    last_phase_transition_time: Time | None = None
    message: str | None = None
    phase: str | None = None
    reason: str | None = None


class PersistentVolume(Resource, version="v1", scope="Cluster", short_names=("pv",), status_subresource=True):
    spec: PersistentVolumeSpec = Field(default_factory=PersistentVolumeSpec)
    status: PersistentVolumeStatus = Field(default_factory=PersistentVolumeStatus)


class PersistentVolumeClaimCondition(Condition):
    last_probe_time: Time | None = None


class PersistentVolumeClaimStatus(PartialModel):
    access_modes: ListOf[str] = Field(default_factory=list)
    allocated_resource_statuses: MapOf[str] = Field(default_factory=dict)
    allocated_resources: MapOf[Quantity] = Field(default_factory=dict)
    capacity: MapOf[Quantity] = Field(default_factory=dict)
    conditions: ListOf[PersistentVolumeClaimCondition] = Field(default_factory=list)
    current_volume_attributes_class_name: str | None = None
    modify_volume_status: ModifyVolumeStatus | None = None
    phase: str | None = None


class PersistentVolumeClaim(Resource, version="v1", short_names=("pvc",), status_subresource=True):
    spec: PersistentVolumeClaimSpec = Field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = Field(default_factory=PersistentVolumeClaimStatus)
