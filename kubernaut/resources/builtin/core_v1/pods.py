# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: pods, and templates of them."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.builtin.core_v1.shared import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    FCVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    HostPathVolumeSource,
    LocalObjectReference,
    NFSVolumeSource,
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolumeClaimSpec,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    VsphereVirtualDiskVolumeSource,
)
from kubernaut.resources.builtin.meta_v1 import LabelSelector
from kubernaut.resources.conditions import Condition
from kubernaut.resources.meta import ObjectMeta
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import IntOrString, Quantity, Time
from kubernaut.resources.types import ScaleSubresource

__all__ = [
    "Affinity",
    "AppArmorProfile",
    "AzureFileVolumeSource",
    "CSIVolumeSource",
    "Capabilities",
    "CephFSVolumeSource",
    "CinderVolumeSource",
    "ClusterTrustBundleProjection",
    "ConfigMapEnvSource",
    "ConfigMapKeySelector",
    "ConfigMapProjection",
    "ConfigMapVolumeSource",
    "Container",
    "ContainerExtendedResourceRequest",
    "ContainerPort",
    "ContainerResizePolicy",
    "ContainerRestartRule",
    "ContainerRestartRuleOnExitCodes",
    "ContainerState",
    "ContainerStateRunning",
    "ContainerStateTerminated",
    "ContainerStateWaiting",
    "ContainerStatus",
    "ContainerUser",
    "DownwardAPIProjection",
    "DownwardAPIVolumeFile",
    "DownwardAPIVolumeSource",
    "EmptyDirVolumeSource",
    "EnvFromSource",
    "EnvVar",
    "EnvVarSource",
    "EphemeralContainer",
    "EphemeralVolumeSource",
    "ExecAction",
    "FileKeySelector",
    "FlexVolumeSource",
    "GRPCAction",
    "GitRepoVolumeSource",
    "GlusterfsVolumeSource",
    "HTTPGetAction",
    "HTTPHeader",
    "HostAlias",
    "HostIP",
    "ISCSIVolumeSource",
    "ImageVolumeSource",
    "ImageVolumeStatus",
    "KeyToPath",
    "Lifecycle",
    "LifecycleHandler",
    "LinuxContainerUser",
    "NodeAffinity",
    "NodeAllocatableResourceClaimStatus",
    "ObjectFieldSelector",
    "PersistentVolumeClaimTemplate",
    "PersistentVolumeClaimVolumeSource",
    "Pod",
    "PodAffinity",
    "PodAffinityTerm",
    "PodAntiAffinity",
    "PodCertificateProjection",
    "PodCondition",
    "PodDNSConfig",
    "PodDNSConfigOption",
    "PodExtendedResourceClaimStatus",
    "PodIP",
    "PodOS",
    "PodReadinessGate",
    "PodResourceClaim",
    "PodResourceClaimStatus",
    "PodSchedulingGate",
    "PodSchedulingGroup",
    "PodSecurityContext",
    "PodSpec",
    "PodStatus",
    "PodTemplate",
    "PodTemplateSpec",
    "PreferredSchedulingTerm",
    "Probe",
    "ProjectedVolumeSource",
    "RBDVolumeSource",
    "ReplicationController",
    "ReplicationControllerCondition",
    "ReplicationControllerSpec",
    "ReplicationControllerStatus",
    "ResourceClaim",
    "ResourceFieldSelector",
    "ResourceHealth",
    "ResourceRequirements",
    "ResourceStatus",
    "SELinuxOptions",
    "ScaleIOVolumeSource",
    "SeccompProfile",
    "SecretEnvSource",
    "SecretKeySelector",
    "SecretProjection",
    "SecretVolumeSource",
    "SecurityContext",
    "ServiceAccountTokenProjection",
    "SleepAction",
    "StorageOSVolumeSource",
    "Sysctl",
    "TCPSocketAction",
    "Toleration",
    "TopologySpreadConstraint",
    "Volume",
    "VolumeDevice",
    "VolumeMount",
    "VolumeMountStatus",
    "VolumeProjection",
    "VolumeStatus",
    "WeightedPodAffinityTerm",
    "WindowsSecurityContextOptions",
]


class PreferredSchedulingTerm(PartialModel):
    weight: int
    preference: NodeSelectorTerm = Field(default_factory=NodeSelectorTerm)


class NodeAffinity(PartialModel):
    preferred_during_scheduling_ignored_during_execution: ListOf[PreferredSchedulingTerm] = Field(default_factory=list)
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class PodAffinityTerm(PartialModel):
    topology_key: str
    label_selector: LabelSelector | None = None
    match_label_keys: ListOf[str] = Field(default_factory=list)
    mismatch_label_keys: ListOf[str] = Field(default_factory=list)
    namespace_selector: LabelSelector | None = None
    namespaces: ListOf[str] = Field(default_factory=list)


class WeightedPodAffinityTerm(PartialModel):
    pod_affinity_term: PodAffinityTerm
    weight: int


class PodAffinity(PartialModel):
    preferred_during_scheduling_ignored_during_execution: ListOf[WeightedPodAffinityTerm] = Field(default_factory=list)
    required_during_scheduling_ignored_during_execution: ListOf[PodAffinityTerm] = Field(default_factory=list)


class PodAntiAffinity(PartialModel):
    preferred_during_scheduling_ignored_during_execution: ListOf[WeightedPodAffinityTerm] = Field(default_factory=list)
    required_during_scheduling_ignored_during_execution: ListOf[PodAffinityTerm] = Field(default_factory=list)


class Affinity(PartialModel):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class AppArmorProfile(PartialModel):
    type: str
    localhost_profile: str | None = None


class AzureFileVolumeSource(PartialModel):
    secret_name: str
    share_name: str
    read_only: bool | None = None


class CSIVolumeSource(PartialModel):
    driver: str
    fs_type: str | None = None
    node_publish_secret_ref: LocalObjectReference | None = None
    read_only: bool | None = None
    volume_attributes: MapOf[str] = Field(default_factory=dict)


class Capabilities(PartialModel):
    add: ListOf[str] = Field(default_factory=list)
    drop: ListOf[str] = Field(default_factory=list)


class CephFSVolumeSource(PartialModel):
    monitors: ListOf[str] = Field(default_factory=list)
    path: str | None = None
    read_only: bool | None = None
    secret_file: str | None = None
    secret_ref: LocalObjectReference | None = None
    user: str | None = None


class CinderVolumeSource(PartialModel):
    volume_id: str
    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None


class ClusterTrustBundleProjection(PartialModel):
    path: str
    label_selector: LabelSelector | None = None
    name: str | None = None
    optional: bool | None = None
    signer_name: str | None = None


class ConfigMapEnvSource(PartialModel):
    name: str | None = None
    optional: bool | None = None


class ConfigMapKeySelector(PartialModel):
    key: str
    name: str | None = None
    optional: bool | None = None


class KeyToPath(PartialModel):
    key: str
    path: str
    mode: int | None = None


class ConfigMapProjection(PartialModel):
    items: ListOf[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class ConfigMapVolumeSource(PartialModel):
    default_mode: int | None = None
    items: ListOf[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class ContainerPort(PartialModel):
    container_port: int
    host_ip: str | None = None
    host_port: int | None = None
    name: str | None = None
    protocol: str | None = None


class ContainerResizePolicy(PartialModel):
    resource_name: str
    restart_policy: str


class ContainerRestartRuleOnExitCodes(PartialModel):
    operator: str
    values: ListOf[int] = Field(default_factory=list)


class ContainerRestartRule(PartialModel):
    action: str
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class SecretEnvSource(PartialModel):
    name: str | None = None
    optional: bool | None = None


class EnvFromSource(PartialModel):
    config_map_ref: ConfigMapEnvSource | None = None
    prefix: str | None = None
    secret_ref: SecretEnvSource | None = None


class FileKeySelector(PartialModel):
    key: str
    path: str
    volume_name: str
    optional: bool | None = None


class ObjectFieldSelector(PartialModel):
    field_path: str
    api_version: str | None = None


class ResourceFieldSelector(PartialModel):
    resource: str
    container_name: str | None = None
    divisor: Quantity | None = None


class SecretKeySelector(PartialModel):
    key: str
    name: str | None = None
    optional: bool | None = None


class EnvVarSource(PartialModel):
    config_map_key_ref: ConfigMapKeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    file_key_ref: FileKeySelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    secret_key_ref: SecretKeySelector | None = None


class EnvVar(PartialModel):
    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class ExecAction(PartialModel):
    command: ListOf[str] = Field(default_factory=list)


class HTTPHeader(PartialModel):
    name: str
    value: str


class HTTPGetAction(PartialModel):
    port: IntOrString
    host: str | None = None
    http_headers: ListOf[HTTPHeader] = Field(default_factory=list)
    path: str | None = None
    scheme: str | None = None


class SleepAction(PartialModel):
    seconds: int


class TCPSocketAction(PartialModel):
    port: IntOrString
    host: str | None = None


class LifecycleHandler(PartialModel):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcp_socket: TCPSocketAction | None = None


class Lifecycle(PartialModel):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class GRPCAction(PartialModel):
    port: int
    service: str | None = None


class Probe(PartialModel):
    exec: ExecAction | None = None
    failure_threshold: int | None = None
    grpc: GRPCAction | None = None
    http_get: HTTPGetAction | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    tcp_socket: TCPSocketAction | None = None
    termination_grace_period_seconds: int | None = None
    timeout_seconds: int | None = None


class ResourceClaim(PartialModel):
    name: str
    request: str | None = None


class ResourceRequirements(PartialModel):
    claims: ListOf[ResourceClaim] = Field(default_factory=list)
    limits: MapOf[Quantity] = Field(default_factory=dict)
    requests: MapOf[Quantity] = Field(default_factory=dict)


class SELinuxOptions(PartialModel):
    level: str | None = None
    role: str | None = None
    type: str | None = None
    user: str | None = None


class SeccompProfile(PartialModel):
    type: str
    localhost_profile: str | None = None


class WindowsSecurityContextOptions(PartialModel):
    gmsa_credential_spec: str | None = None
    gmsa_credential_spec_name: str | None = None
    host_process: bool | None = None
    run_as_user_name: str | None = None


class SecurityContext(PartialModel):
    allow_privilege_escalation: bool | None = None
    app_armor_profile: AppArmorProfile | None = None
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    proc_mount: str | None = None
    read_only_root_filesystem: bool | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    windows_options: WindowsSecurityContextOptions | None = None


class VolumeDevice(PartialModel):
    device_path: str
    name: str


class VolumeMount(PartialModel):
    mount_path: str
    name: str
    mount_propagation: str | None = None
    read_only: bool | None = None
    recursive_read_only: str | None = None
    sub_path: str | None = None
    sub_path_expr: str | None = None


class Container(PartialModel):
    name: str
    args: ListOf[str] = Field(default_factory=list)
    command: ListOf[str] = Field(default_factory=list)
    env: ListOf[EnvVar] = Field(default_factory=list)
    env_from: ListOf[EnvFromSource] = Field(default_factory=list)
    image: str | None = None
    image_pull_policy: str | None = None
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    ports: ListOf[ContainerPort] = Field(default_factory=list)
    readiness_probe: Probe | None = None
    resize_policy: ListOf[ContainerResizePolicy] = Field(default_factory=list)
    resources: ResourceRequirements = Field(default_factory=ResourceRequirements)
    restart_policy: str | None = None
    restart_policy_rules: ListOf[ContainerRestartRule] = Field(default_factory=list)
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    tty: bool | None = None
    volume_devices: ListOf[VolumeDevice] = Field(default_factory=list)
    volume_mounts: ListOf[VolumeMount] = Field(default_factory=list)
    working_dir: str | None = None


class ContainerExtendedResourceRequest(PartialModel):
    container_name: str
    request_name: str
    resource_name: str


class ContainerStateRunning(PartialModel):
    started_at: Time | None = None


class ContainerStateTerminated(PartialModel):
    container_id: str | None = None
    exit_code: int = 0
    finished_at: Time | None = None
    message: str | None = None
    reason: str | None = None
    signal: int | None = None
    started_at: Time | None = None


class ContainerStateWaiting(PartialModel):
    message: str | None = None
    reason: str | None = None


class ContainerState(PartialModel):
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class LinuxContainerUser(PartialModel):
    gid: int = 0
    supplemental_groups: ListOf[int] = Field(default_factory=list)
    uid: int = 0


class ContainerUser(PartialModel):
    linux: LinuxContainerUser | None = None


class ResourceHealth(PartialModel):
    health: str | None = None
    message: str | None = None
    resource_id: str = Field(alias="resourceID")


class ResourceStatus(PartialModel):
    name: str
    resources: ListOf[ResourceHealth] = Field(default_factory=list)


class ImageVolumeStatus(PartialModel):
    image_ref: str


class VolumeStatus(PartialModel):
    image: ImageVolumeStatus | None = None


class VolumeMountStatus(PartialModel):
    mount_path: str
    name: str
    read_only: bool | None = None
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class ContainerStatus(PartialModel):
    name: str
    allocated_resources: MapOf[Quantity] = Field(default_factory=dict)
    allocated_resources_status: ListOf[ResourceStatus] = Field(default_factory=list)
    container_id: str | None = None
    image: str = ""
    image_id: str = ""
    last_state: ContainerState = Field(default_factory=ContainerState)
    ready: bool = False
    resources: ResourceRequirements | None = None
    restart_count: int = 0
    started: bool | None = None
    state: ContainerState = Field(default_factory=ContainerState)
    stop_signal: str | None = None
    user: ContainerUser | None = None
    volume_mounts: ListOf[VolumeMountStatus] = Field(default_factory=list)


class DownwardAPIVolumeFile(PartialModel):
    path: str
    field_ref: ObjectFieldSelector | None = None
    mode: int | None = None
    resource_field_ref: ResourceFieldSelector | None = None


class DownwardAPIProjection(PartialModel):
    items: ListOf[DownwardAPIVolumeFile] = Field(default_factory=list)


class DownwardAPIVolumeSource(PartialModel):
    default_mode: int | None = None
    items: ListOf[DownwardAPIVolumeFile] = Field(default_factory=list)


class EmptyDirVolumeSource(PartialModel):
    medium: str | None = None
    size_limit: Quantity | None = None


class EphemeralContainer(PartialModel):
    name: str
    args: ListOf[str] = Field(default_factory=list)
    command: ListOf[str] = Field(default_factory=list)
    env: ListOf[EnvVar] = Field(default_factory=list)
    env_from: ListOf[EnvFromSource] = Field(default_factory=list)
    image: str | None = None
    image_pull_policy: str | None = None
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    ports: ListOf[ContainerPort] = Field(default_factory=list)
    readiness_probe: Probe | None = None
    resize_policy: ListOf[ContainerResizePolicy] = Field(default_factory=list)
    resources: ResourceRequirements = Field(default_factory=ResourceRequirements)
    restart_policy: str | None = None
    restart_policy_rules: ListOf[ContainerRestartRule] = Field(default_factory=list)
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    target_container_name: str | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    tty: bool | None = None
    volume_devices: ListOf[VolumeDevice] = Field(default_factory=list)
    volume_mounts: ListOf[VolumeMount] = Field(default_factory=list)
    working_dir: str | None = None


class PersistentVolumeClaimTemplate(PartialModel):
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: PersistentVolumeClaimSpec = Field(default_factory=PersistentVolumeClaimSpec)


class EphemeralVolumeSource(PartialModel):
    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class FlexVolumeSource(PartialModel):
    driver: str
    fs_type: str | None = None
    options: MapOf[str] = Field(default_factory=dict)
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None


class GitRepoVolumeSource(PartialModel):
    repository: str
    directory: str | None = None
    revision: str | None = None


class GlusterfsVolumeSource(PartialModel):
    endpoints: str
    path: str
    read_only: bool | None = None


class HostAlias(PartialModel):
    ip: str
    hostnames: ListOf[str] = Field(default_factory=list)


class HostIP(PartialModel):
    ip: str


class ISCSIVolumeSource(PartialModel):
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
    secret_ref: LocalObjectReference | None = None


class ImageVolumeSource(PartialModel):
    pull_policy: str | None = None
    reference: str | None = None


class NodeAllocatableResourceClaimStatus(PartialModel):
    resource_claim_name: str
    containers: ListOf[str] = Field(default_factory=list)
    resources: MapOf[Quantity] = Field(default_factory=dict)


class PersistentVolumeClaimVolumeSource(PartialModel):
    claim_name: str
    read_only: bool | None = None


class PodDNSConfigOption(PartialModel):
    name: str | None = None
    value: str | None = None


class PodDNSConfig(PartialModel):
    nameservers: ListOf[str] = Field(default_factory=list)
    options: ListOf[PodDNSConfigOption] = Field(default_factory=list)
    searches: ListOf[str] = Field(default_factory=list)


class PodOS(PartialModel):
    name: str


class PodReadinessGate(PartialModel):
    condition_type: str


class PodResourceClaim(PartialModel):
    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSchedulingGate(PartialModel):
    name: str


class PodSchedulingGroup(PartialModel):
    pod_group_name: str | None = None


class Sysctl(PartialModel):
    name: str
    value: str


class PodSecurityContext(PartialModel):
    app_armor_profile: AppArmorProfile | None = None
    fs_group: int | None = None
    fs_group_change_policy: str | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    se_linux_change_policy: str | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    supplemental_groups: ListOf[int] = Field(default_factory=list)
    supplemental_groups_policy: str | None = None
    sysctls: ListOf[Sysctl] = Field(default_factory=list)
    windows_options: WindowsSecurityContextOptions | None = None


class Toleration(PartialModel):
    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: int | None = None
    value: str | None = None


class TopologySpreadConstraint(PartialModel):
    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    match_label_keys: ListOf[str] = Field(default_factory=list)
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None


class PodCertificateProjection(PartialModel):
    key_type: str
    signer_name: str
    certificate_chain_path: str | None = None
    credential_bundle_path: str | None = None
    key_path: str | None = None
    max_expiration_seconds: int | None = None
    user_annotations: MapOf[str] = Field(default_factory=dict)


class SecretProjection(PartialModel):
    items: ListOf[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class ServiceAccountTokenProjection(PartialModel):
    path: str
    audience: str | None = None
    expiration_seconds: int | None = None


class VolumeProjection(PartialModel):
    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    config_map: ConfigMapProjection | None = None
    downward_api: DownwardAPIProjection | None = Field(default=None, alias="downwardAPI")
    pod_certificate: PodCertificateProjection | None = None
    secret: SecretProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolumeSource(PartialModel):
    default_mode: int | None = None
    sources: ListOf[VolumeProjection] = Field(default_factory=list)


class RBDVolumeSource(PartialModel):
    image: str
    fs_type: str | None = None
    keyring: str | None = None
    monitors: ListOf[str] = Field(default_factory=list)
    pool: str | None = None
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None
    user: str | None = None


class ScaleIOVolumeSource(PartialModel):
    gateway: str
    system: str
    fs_type: str | None = None
    protection_domain: str | None = None
    read_only: bool | None = None
    secret_ref: LocalObjectReference = Field(default_factory=LocalObjectReference)
    ssl_enabled: bool | None = None
    storage_mode: str | None = None
    storage_pool: str | None = None
    volume_name: str | None = None


class SecretVolumeSource(PartialModel):
    default_mode: int | None = None
    items: ListOf[KeyToPath] = Field(default_factory=list)
    optional: bool | None = None
    secret_name: str | None = None


class StorageOSVolumeSource(PartialModel):
    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None
    volume_name: str | None = None
    volume_namespace: str | None = None


class Volume(PartialModel):
    name: str
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    azure_file: AzureFileVolumeSource | None = None
    cephfs: CephFSVolumeSource | None = None
    cinder: CinderVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = Field(default=None, alias="downwardAPI")
    empty_dir: EmptyDirVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flex_volume: FlexVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    git_repo: GitRepoVolumeSource | None = None
    glusterfs: GlusterfsVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    image: ImageVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDVolumeSource | None = None
    scale_io: ScaleIOVolumeSource | None = Field(default=None, alias="scaleIO")
    secret: SecretVolumeSource | None = None
    storageos: StorageOSVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None


class PodSpec(PartialModel):
    active_deadline_seconds: int | None = None
    affinity: Affinity | None = None
    automount_service_account_token: bool | None = None
    containers: ListOf[Container] = Field(default_factory=list)
    dns_config: PodDNSConfig | None = None
    dns_policy: str | None = None
    enable_service_links: bool | None = None
    ephemeral_containers: ListOf[EphemeralContainer] = Field(default_factory=list)
    host_aliases: ListOf[HostAlias] = Field(default_factory=list)
    host_ipc: bool | None = None
    host_network: bool | None = None
    host_pid: bool | None = None
    host_users: bool | None = None
    hostname: str | None = None
    hostname_override: str | None = None
    image_pull_secrets: ListOf[LocalObjectReference] = Field(default_factory=list)
    init_containers: ListOf[Container] = Field(default_factory=list)
    node_name: str | None = None
    node_selector: MapOf[str] = Field(default_factory=dict)
    os: PodOS | None = None
    overhead: MapOf[Quantity] = Field(default_factory=dict)
    preemption_policy: str | None = None
    priority: int | None = None
    priority_class_name: str | None = None
    readiness_gates: ListOf[PodReadinessGate] = Field(default_factory=list)
    resource_claims: ListOf[PodResourceClaim] = Field(default_factory=list)
    resources: ResourceRequirements | None = None
    restart_policy: str | None = None
    runtime_class_name: str | None = None
    scheduler_name: str | None = None
    scheduling_gates: ListOf[PodSchedulingGate] = Field(default_factory=list)
    scheduling_group: PodSchedulingGroup | None = None
    security_context: PodSecurityContext | None = None
    service_account: str | None = None
    service_account_name: str | None = None
    set_hostname_as_fqdn: bool | None = None
    share_process_namespace: bool | None = None
    subdomain: str | None = None
    termination_grace_period_seconds: int | None = None
    tolerations: ListOf[Toleration] = Field(default_factory=list)
    topology_spread_constraints: ListOf[TopologySpreadConstraint] = Field(default_factory=list)
    volumes: ListOf[Volume] = Field(default_factory=list)


class PodCondition(Condition):
    last_probe_time: Time | None = None


class PodExtendedResourceClaimStatus(PartialModel):
    resource_claim_name: str
    request_mappings: ListOf[ContainerExtendedResourceRequest] = Field(default_factory=list)


class PodIP(PartialModel):
    ip: str


class PodResourceClaimStatus(PartialModel):
    name: str
    resource_claim_name: str | None = None


class PodStatus(PartialModel):
    allocated_resources: MapOf[Quantity] = Field(default_factory=dict)
    conditions: ListOf[PodCondition] = Field(default_factory=list)
    container_statuses: ListOf[ContainerStatus] = Field(default_factory=list)
    ephemeral_container_statuses: ListOf[ContainerStatus] = Field(default_factory=list)
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = None
    host_ip: str | None = None
    host_ips: ListOf[HostIP] = Field(default_factory=list)
    init_container_statuses: ListOf[ContainerStatus] = Field(default_factory=list)
    message: str | None = None
    node_allocatable_resource_claim_statuses: ListOf[NodeAllocatableResourceClaimStatus] = Field(default_factory=list)
    nominated_node_name: str | None = None
    observed_generation: int | None = None
    phase: str | None = None
    pod_ip: str | None = None
    pod_ips: ListOf[PodIP] = Field(default_factory=list)
    qos_class: str | None = None
    reason: str | None = None
    resize: str | None = None
    resource_claim_statuses: ListOf[PodResourceClaimStatus] = Field(default_factory=list)
    resources: ResourceRequirements | None = None
    start_time: Time | None = None


class Pod(Resource, version="v1", short_names=("po",), categories=("all",), status_subresource=True):
    spec: PodSpec = Field(default_factory=PodSpec)
    status: PodStatus = Field(default_factory=PodStatus)


class PodTemplateSpec(PartialModel):
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: PodSpec = Field(default_factory=PodSpec)


class PodTemplate(Resource, version="v1"):
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)


class ReplicationControllerSpec(PartialModel):
    min_ready_seconds: int | None = None
    replicas: int | None = None
    selector: MapOf[str] = Field(default_factory=dict)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)


class ReplicationControllerCondition(Condition):
    pass


class ReplicationControllerStatus(PartialModel):
    available_replicas: int | None = None
    conditions: ListOf[ReplicationControllerCondition] = Field(default_factory=list)
    fully_labeled_replicas: int | None = None
    observed_generation: int | None = None
    ready_replicas: int | None = None
    replicas: int = 0


class ReplicationController(
    Resource,
    version="v1",
    short_names=("rc",),
    categories=("all",),
    status_subresource=True,
    scale_subresource=ScaleSubresource(label_selector_path=".status.selector"),
):
    spec: ReplicationControllerSpec = Field(default_factory=ReplicationControllerSpec)
    status: ReplicationControllerStatus = Field(default_factory=ReplicationControllerStatus)
