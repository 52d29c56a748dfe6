"""The parts of a pod, which the workload kinds of several groups share."""

from typing import Any

from pydantic import Field

from kubernaut.resources.conditions import Condition
from kubernaut.resources.meta import ObjectMeta
from kubernaut.resources.model import PartialModel
from kubernaut.resources.scalars import IntOrString, JsonObject, Quantity, Time


class LabelSelectorRequirement(PartialModel):
    """One requirement: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: list[str] = Field(default_factory=list)


class LabelSelector(PartialModel):
    """Selects objects by their labels; all requirements must hold, none selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[LabelSelectorRequirement] = Field(default_factory=list)


class ContainerPort(PartialModel):
    """A port that a container listens on."""

    container_port: int
    name: str | None = None
    protocol: str | None = None
    host_port: int | None = None


class EnvVar(PartialModel):
    """One environment variable: a value, or in `value_from` where it comes from."""

    name: str
    value: str | None = None
    value_from: JsonObject | None = None


class ResourceRequirements(PartialModel):
    """What a container asks for and may use at most."""

    limits: dict[str, Quantity] = Field(default_factory=dict)
    requests: dict[str, Quantity] = Field(default_factory=dict)


class VolumeMount(PartialModel):
    """Where a volume appears in a container."""

    name: str
    mount_path: str
    read_only: bool | None = None
    sub_path: str | None = None


class SecurityContext(PartialModel):
    """What a container, or every container of a pod, may do."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    privileged: bool | None = None
    fs_group: int | None = None
    capabilities: JsonObject | None = None
    seccomp_profile: JsonObject | None = None


class Probe(PartialModel):
    """How the kubelet asks whether a container is well; seconds throughout."""

    http_get: JsonObject | None = None
    tcp_socket: JsonObject | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    failure_threshold: int | None = None
    success_threshold: int | None = None


class Container(PartialModel):
    """One program of a pod."""

    name: str
    image: str | None = None
    command: list[str] = Field(default_factory=list)
    args: list[str] = Field(default_factory=list)
    working_dir: str | None = None
    ports: list[ContainerPort] = Field(default_factory=list)
    env: list[EnvVar] = Field(default_factory=list)
    env_from: list[JsonObject] = Field(default_factory=list)
    resources: ResourceRequirements = Field(default_factory=ResourceRequirements)
    volume_mounts: list[VolumeMount] = Field(default_factory=list)
    image_pull_policy: str | None = None
    security_context: SecurityContext | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    termination_message_policy: str | None = None
    termination_message_path: str | None = None


class Toleration(PartialModel):
    """Lets a pod onto nodes with a matching taint."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: int | None = None


class Volume(PartialModel):
    """A volume of a pod; kinds of volumes without a field here are kept as they are."""

    name: str
    config_map: JsonObject | None = None
    secret: JsonObject | None = None
    empty_dir: JsonObject | None = None
    projected: JsonObject | None = None
    host_path: JsonObject | None = None
    persistent_volume_claim: JsonObject | None = None


class PodSpec(PartialModel):
    """What a pod runs."""

    containers: list[Container] = Field(default_factory=list)
    init_containers: list[Container] = Field(default_factory=list)
    volumes: list[Volume] = Field(default_factory=list)
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    service_account_name: str | None = None
    automount_service_account_token: bool | None = None
    node_name: str | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    host_network: bool | None = None
    host_pid: bool | None = None
    host_ipc: bool | None = None
    security_context: SecurityContext | None = None
    image_pull_secrets: list[dict[str, Any]] = Field(default_factory=list)
    affinity: JsonObject | None = None
    tolerations: list[Toleration] = Field(default_factory=list)
    priority_class_name: str | None = None
    scheduler_name: str | None = None


class ContainerStateRunning(PartialModel):
    """Since when a container runs."""

    started_at: Time | None = None


class ContainerStateTerminated(PartialModel):
    """How a container ended."""

    exit_code: int = 0
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: Time | None = None
    finished_at: Time | None = None


class ContainerStateWaiting(PartialModel):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class ContainerState(PartialModel):
    """Exactly one of the three is set."""

    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ContainerStatus(PartialModel):
    """How a container is."""

    name: str
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str | None = None
    state: ContainerState = Field(default_factory=ContainerState)
    last_state: ContainerState = Field(default_factory=ContainerState)


class PodIP(PartialModel):
    """One address of a pod."""

    ip: str


class PodStatus(PartialModel):
    """How a pod is; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    phase: str | None = None
    conditions: list[Condition] = Field(default_factory=list)
    reason: str | None = None
    message: str | None = None
    host_ip: str | None = None
    pod_ip: str | None = None
    pod_ips: list[PodIP] = Field(default_factory=list)
    start_time: Time | None = None
    container_statuses: list[ContainerStatus] = Field(default_factory=list)
    init_container_statuses: list[ContainerStatus] = Field(default_factory=list)
    qos_class: str | None = None


class PodTemplateSpec(PartialModel):
    """The pod that a workload makes."""

    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: PodSpec = Field(default_factory=PodSpec)


class RollingUpdate(PartialModel):
    """How many pods more and fewer than wanted there may be during an update."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
