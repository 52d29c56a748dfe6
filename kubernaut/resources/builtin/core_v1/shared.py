# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: what several kinds are made of."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.model import PartialModel
from kubernaut.resources.scalars import Quantity

__all__ = [
    "AWSElasticBlockStoreVolumeSource",
    "AzureDiskVolumeSource",
    "FCVolumeSource",
    "FlockerVolumeSource",
    "GCEPersistentDiskVolumeSource",
    "HostPathVolumeSource",
    "LocalObjectReference",
    "NFSVolumeSource",
    "NodeSelector",
    "NodeSelectorRequirement",
    "NodeSelectorTerm",
    "ObjectReference",
    "PersistentVolumeClaimSpec",
    "PhotonPersistentDiskVolumeSource",
    "PortworxVolumeSource",
    "QuobyteVolumeSource",
    "TopologySelectorLabelRequirement",
    "TopologySelectorTerm",
    "TypedLocalObjectReference",
    "TypedObjectReference",
    "VolumeResourceRequirements",
    "VsphereVirtualDiskVolumeSource",
]


class AWSElasticBlockStoreVolumeSource(PartialModel):
    volume_id: str
    fs_type: str | None = None
    partition: int | None = None
    read_only: bool | None = None


class AzureDiskVolumeSource(PartialModel):
    disk_name: str
    caching_mode: str | None = None
    disk_uri: str = Field(alias="diskURI")
    fs_type: str | None = None
    kind: str | None = None
    read_only: bool | None = None


class FCVolumeSource(PartialModel):
    fs_type: str | None = None
    lun: int | None = None
    read_only: bool | None = None
    target_wwns: ListOf[str] = Field(default_factory=list, alias="targetWWNs")
    wwids: ListOf[str] = Field(default_factory=list)


class FlockerVolumeSource(PartialModel):
    dataset_name: str | None = None
    dataset_uuid: str | None = Field(default=None, alias="datasetUUID")


class GCEPersistentDiskVolumeSource(PartialModel):
    pd_name: str
    fs_type: str | None = None
    partition: int | None = None
    read_only: bool | None = None


class HostPathVolumeSource(PartialModel):
    path: str
    type: str | None = None


class LocalObjectReference(PartialModel):
    name: str | None = None


class NFSVolumeSource(PartialModel):
    path: str
    server: str
    read_only: bool | None = None


class NodeSelectorRequirement(PartialModel):
    key: str
    operator: str
    values: ListOf[str] = Field(default_factory=list)


class NodeSelectorTerm(PartialModel):
    match_expressions: ListOf[NodeSelectorRequirement] = Field(default_factory=list)
    match_fields: ListOf[NodeSelectorRequirement] = Field(default_factory=list)


class NodeSelector(PartialModel):
    node_selector_terms: ListOf[NodeSelectorTerm] = Field(default_factory=list)


class ObjectReference(PartialModel):
    api_version: str | None = None
    field_path: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    resource_version: str | None = None
    uid: str | None = None


class TypedLocalObjectReference(PartialModel):
    kind: str
    name: str
    api_group: str | None = None


class TypedObjectReference(PartialModel):
    kind: str
    name: str
    api_group: str | None = None
    namespace: str | None = None


class VolumeResourceRequirements(PartialModel):
    limits: MapOf[Quantity] = Field(default_factory=dict)
    requests: MapOf[Quantity] = Field(default_factory=dict)


class PersistentVolumeClaimSpec(PartialModel):
    access_modes: ListOf[str] = Field(default_factory=list)
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    resources: VolumeResourceRequirements | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class PhotonPersistentDiskVolumeSource(PartialModel):
    fs_type: str | None = None
    pd_id: str = Field(alias="pdID")


class PortworxVolumeSource(PartialModel):
    volume_id: str
    fs_type: str | None = None
    read_only: bool | None = None


class QuobyteVolumeSource(PartialModel):
    registry: str
    volume: str
    group: str | None = None
    read_only: bool | None = None
    tenant: str | None = None
    user: str | None = None


class TopologySelectorLabelRequirement(PartialModel):
    key: str
    values: ListOf[str] = Field(default_factory=list)


class TopologySelectorTerm(PartialModel):
    match_label_expressions: ListOf[TopologySelectorLabelRequirement] = Field(default_factory=list)


class VsphereVirtualDiskVolumeSource(PartialModel):
    volume_path: str
    fs_type: str | None = None
    storage_policy_id: str | None = Field(default=None, alias="storagePolicyID")
    storage_policy_name: str | None = None
