"""What an operator decides about signals: which are taken, what they are about, and what their requests look like."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator

from kubernaut.remediation.gateway.matching import Matcher
from kubernaut.remediation.request.types import MAX_ATTEMPTS
from kubernaut.resources.scalars import format_duration, parse_duration

WELL_KNOWN = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Pod": "v1",
    "Service": "v1",
    "Node": "v1",
    "PersistentVolumeClaim": "v1",
    "Namespace": "v1",
    "PersistentVolume": "v1",
}
"""The apiVersion of kinds that need not be given one."""
CLUSTER_SCOPED = ("Node", "Namespace", "PersistentVolume")
CLIMBED = ("Pod", "ReplicaSet")
"""Kinds that stand for what made them."""


def _span(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
"""Of a namespace."""
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=253)]
Span = Annotated[
    timedelta, BeforeValidator(_span), Field(gt=timedelta()), PlainSerializer(format_duration, when_used="json")
]
MatcherText = Annotated[Matcher, PlainValidator(Matcher.parse), PlainSerializer(str)]


class _Part(BaseModel):
    """Keys are written with dashes, as in every configuration file of kubernaut."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda field: field.replace("_", "-"), populate_by_name=True
    )


class TargetRule(_Part):
    """A label that names the object which an alert is about. `climb`: what made it is meant, by owner references."""

    label: LabelName
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    api_version: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    cluster_scoped: bool | None = None
    climb: bool | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.api_version is None and self.kind not in WELL_KNOWN:
            raise ValueError(f"{self.kind} needs its api-version: only those of Kubernetes' own kinds are known")
        if self.climb and self.kind not in CLIMBED:
            raise ValueError(f"{self.kind} cannot be climbed: only {' and '.join(CLIMBED)} stand for what made them")
        if self.climb and not self.in_namespace:
            raise ValueError(f"{self.kind} cannot be climbed outside of namespaces: leave out climb or cluster-scoped")
        return self

    @property
    def version(self) -> str:
        """The apiVersion of the target."""
        return self.api_version or WELL_KNOWN[self.kind]

    @property
    def in_namespace(self) -> bool:
        """Whether a namespace must be named too."""
        known = self.kind in CLUSTER_SCOPED and self.api_version in (None, "v1")
        return not (known if self.cluster_scoped is None else self.cluster_scoped)

    @property
    def climbs(self) -> bool:
        """Whether the owner is looked for: the default for what stands for another."""
        return self.kind in CLIMBED and self.in_namespace if self.climb is None else self.climb


DEFAULT_TARGETS = tuple(
    TargetRule(label=label, kind=kind)
    for label, kind in (
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("daemonset", "DaemonSet"),
        ("pod", "Pod"),
        # `job` is the scrape job that Prometheus puts on every series.
        ("job_name", "Job"),
        ("node", "Node"),
    )
)


class Route(_Part):
    """What becomes of signals that all of `match` fit; the first route that fits decides."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z0-9][-a-zA-Z0-9_.]*$")]
    match: tuple[MatcherText, ...] = ()
    take: bool = True
    """False: nothing is done about them, and nothing is said."""
    targets: tuple[TargetRule, ...] | None = None
    """In place of those that hold for all."""
    namespace: Name | None = None
    """Where the requests are; by default beside what they are about."""
    severity: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    max_recovery_attempts: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)] = 3
    suspend: bool = False
    """Requests wait for a person to let them begin."""


class EventRule(_Part):
    """Which Kubernetes Events are signals: of a reason, seen so often, about one of these kinds (all when empty).

    `reporters`: the reporting controllers that are believed (all when empty). Whoever may create Events in `default`
    can write one about any Node: about what has no namespace only rules that name reporters are asked.
    """

    reason: Annotated[str, Field(min_length=1, max_length=128)]
    count: Annotated[int, Field(ge=1)] = 1
    kinds: tuple[str, ...] = ()
    reporters: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=64)] = ()
    severity: Annotated[str, Field(min_length=1, max_length=63)] = "warning"


class EventSource(_Part):
    """The Kubernetes Events that become signals. Of the type Warning, and none of kubernaut's own."""

    rules: tuple[EventRule, ...] = (
        EventRule(reason="BackOff", count=3),
        EventRule(reason="FailedMount", count=5),
        EventRule(reason="FailedScheduling", count=5),
    )
    max_age: Span = timedelta(minutes=10)
    """An event that was last seen longer ago is history: a restart does not act upon it."""


class GatewayConfig(_Part):
    """How signals become requests; the defaults take every alert that names a target."""

    routes: Annotated[tuple[Route, ...], Field(max_length=256)] = (Route(name="default"),)
    targets: tuple[TargetRule, ...] = DEFAULT_TARGETS
    """By precedence."""
    namespace_labels: tuple[LabelName, ...] = ("namespace",)
    """The first that an alert has names the target's namespace."""
    cluster_namespace: Name = "kubernaut-system"
    """Where requests about what has no namespace are."""
    severity_label: LabelName = "severity"
    severities: dict[str, Annotated[str, Field(min_length=1, max_length=63)]] = Field(
        default_factory=lambda: {"page": "critical", "error": "critical", "warn": "warning", "none": "info"}
    )
    """What a source calls a severity, and what it is; others stay as they are."""
    untouched_namespaces: tuple[Name, ...] = ("kubernaut-system", "kubernaut-executor")
    """Signals about what is there are not taken: kubernaut's own trouble must not make it more."""
    events: EventSource = EventSource()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [route.name for route in self.routes]
        twice = [name for at, name in enumerate(names) if name in names[:at]]
        if twice:
            raise ValueError(f"there are two routes named {twice[0]!r}")
        return self
