"""The allow-list: kinds that apply-manifest, delete-resource and patch-resource may touch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module

from kubernaut.resources import Resource, ResourceType
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, StatefulSet
from kubernaut.resources.builtin.autoscaling_v2 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.batch_v1 import CronJob, Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Service
from kubernaut.resources.builtin.networking_v1 import Ingress, NetworkPolicy
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget

DEFAULT_KINDS: tuple[ResourceType, ...] = tuple(
    model.resource_type
    for model in (
        ConfigMap,
        CronJob,
        DaemonSet,
        Deployment,
        HorizontalPodAutoscaler,
        Ingress,
        Job,
        NetworkPolicy,
        PodDisruptionBudget,
        Service,
        StatefulSet,
    )
)
_SENSITIVE_GROUPS = (
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "rbac.authorization.k8s.io",
)
_SENSITIVE_CORE = ("Namespace", "Node", "PersistentVolume", "Secret", "ServiceAccount")
_ENTRY = re.compile(r"(?:([a-z0-9.-]+)/)?(v[a-z0-9]+)/([A-Z][A-Za-z0-9]*)(?:/([a-z0-9-]+))?")


class AllowedKinds:
    """Kinds named one by one; there is no way to say "all". Immutable.

    Sensitive kinds - RBAC, ServiceAccounts, Secrets, webhooks, CRDs and others that give rights away - are refused
    unless they are named in `sensitive` as well.
    """

    def __init__(
        self, kinds: Iterable[ResourceType] = DEFAULT_KINDS, *, sensitive: Iterable[ResourceType] = ()
    ) -> None:
        """Raises ValueError for a wildcard, and for a sensitive kind that `sensitive` does not name."""
        consented = tuple(sensitive)
        chosen = dict.fromkeys((*kinds, *consented))
        for kind in chosen:
            if "*" in f"{kind.group}{kind.version}{kind.kind}{kind.plural}":
                raise ValueError(f"{kind}: kinds are allowed one by one, never by wildcard")
            if is_sensitive(kind) and kind not in consented:
                raise ValueError(f"{kind} is sensitive: it is off unless it is named in `sensitive` as well")
        self._kinds = tuple(sorted(chosen, key=lambda kind: (kind.group, kind.plural, kind.version)))

    @classmethod
    def parse(cls, kinds: Iterable[str], *, sensitive: Iterable[str] = ()) -> AllowedKinds:
        """From texts: `v1/ConfigMap`, `apps/v1/Deployment`, and with their plural kinds that are not Kubernetes' own:
        `example.com/v1/Widget/widgets` (namespaced). Raises ValueError, also for what the constructor refuses."""
        return cls([parse_kind(text) for text in kinds], sensitive=[parse_kind(text) for text in sensitive])

    @property
    def kinds(self) -> tuple[ResourceType, ...]:
        """Sorted by group and plural."""
        return self._kinds

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._kinds)

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds

    def find(self, api_version: str, kind: str) -> ResourceType | None:
        """The allowed kind of that name, or None."""
        return next((each for each in self._kinds if (each.api_version, each.kind) == (api_version, kind)), None)

    def __str__(self) -> str:
        return ", ".join(str(kind) for kind in self._kinds)


def is_sensitive(kind: ResourceType) -> bool:
    """Whether who may write such objects may give themselves, or read, more than that."""
    return kind.group in _SENSITIVE_GROUPS or (not kind.group and kind.kind in _SENSITIVE_CORE)


def parse_kind(text: str) -> ResourceType:
    """`apps/v1/Deployment` as a kind. Raises ValueError that says what can be written."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        hint = "never a wildcard; " if "*" in text else ""
        raise ValueError(f'"{text}" is no kind: {hint}write it as v1/ConfigMap or apps/v1/Deployment')
    group, version, kind, plural = found[1] or "", found[2], found[3], found[4]
    if plural is not None:
        return ResourceType(group=group, version=version, kind=kind, plural=plural)
    builtin = _builtin(group, version, kind)
    if builtin is None:
        raise ValueError(f'"{text}" is not one of Kubernetes\' own kinds: add its plural, as in {text}/{kind.lower()}s')
    return builtin


def _builtin(group: str, version: str, kind: str) -> ResourceType | None:
    if group and "." in group and not group.endswith(".k8s.io"):
        return None
    module = f"kubernaut.resources.builtin.{(group or 'core').partition('.')[0]}_{version}".replace("-", "_")
    try:
        model = getattr(import_module(module), kind, None)
    except ModuleNotFoundError:
        return None
    if not isinstance(model, type) or not issubclass(model, Resource) or model.resource_type.group != group:
        return None
    return model.resource_type
