"""What is to be installed: configuration only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from kubernaut.install.names import webhook_configuration, webhook_dns_names, webhook_secret
from kubernaut.reconcile import Controller, LeaderElection, Permission
from kubernaut.reconcile.permissions import Rules, manager_permissions, policy_rules
from kubernaut.reconcile.webhooks import AdmissionWebhook, ConversionWebhook, Webhook
from kubernaut.reconcile.webhooks.certificates import ManagedCertificates
from kubernaut.resources import Resource

Manifest = dict[str, Any]

GIVEN_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that every cluster has: an installation in one of them neither makes nor labels it."""
LONGEST_NAME = 52
"""Leaves room for what is added to it, within the 63 characters of a Service's name."""

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A process that runs controllers, and everything that a cluster needs for it.

    `name` is that of the Deployment, its ServiceAccount and roles, in `namespace`. `image` starts `kubernaut` (or
    `command`) with `args`, whose addresses have to be those of the ports here (None: not served). `controllers` and
    `leader_election` are what the process runs: its rights follow from them, and from `permissions` for what else it
    does. `webhooks` are served by it, with certificates that it manages itself. `config`: the text of a file that
    `--config` finds at `CONFIG_FILE`. `secret` names a Secret of `namespace` whose keys are variables of the
    environment. `listens`: further ports by name, which a Service of the installation's name leads to. `mounts`:
    Secrets of `namespace`, by the folder where the process finds them. `graceful_timeout`: how long the process takes
    to stop. `kinds` are further kinds of which a CRD is wanted, `extra` are further objects.

    Raises ValueError for names that cannot be used and numbers that make no sense.
    """

    name: str
    namespace: str
    image: str
    args: Sequence[str] = ()
    command: Sequence[str] = ()
    controllers: Sequence[Controller] = ()
    leader_election: LeaderElection | None = None
    permissions: Sequence[Permission] = ()
    kinds: Sequence[type[Resource]] = ()
    webhooks: Sequence[Webhook] = ()
    replicas: int = 2
    metrics_port: int | None = 8080
    protected_metrics: bool = False
    health_port: int | None = 8081
    webhook_port: int = 9443
    graceful_timeout: timedelta = timedelta(seconds=30)
    config: str | None = None
    secret: str | None = None
    listens: Mapping[str, int] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    extra: Sequence[Manifest | Resource] = ()
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "50m", "memory": "192Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "512Mi"})

    def __post_init__(self) -> None:
        for key, value, most in (("name", self.name, LONGEST_NAME), ("namespace", self.namespace, 63)):
            if not _LABEL.fullmatch(value) or len(value) > most:
                hint = f"it must be at most {most} lower-case letters, digits and dashes, a letter first"
                raise ValueError(f"{key} is {value!r}: {hint}")
        if not self.image or any(letter.isspace() for letter in self.image):
            raise ValueError(f"image is {self.image!r}: name an image that the cluster can pull")
        if self.replicas < 0:
            raise ValueError(f"replicas is {self.replicas}: it cannot be negative")
        if self.replicas > 1 and self.leader_election is None and any(c.leader_elected for c in self.controllers):
            raise ValueError(f"{self.replicas} replicas would all work on everything: they need leader election")

    @property
    def labels(self) -> dict[str, str]:
        """On every object."""
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/managed-by": "kubernaut"}

    @property
    def selector(self) -> dict[str, str]:
        """What finds its pods; it cannot be changed once the Deployment is there."""
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/component": "controllers"}

    @property
    def config_map(self) -> str:
        """Its name follows from its content, so that pods start anew when that changes."""
        return f"{self.name}-{blake2b((self.config or '').encode(), digest_size=5).hexdigest()}"

    @property
    def ports(self) -> dict[str, int]:
        """Those that the process listens on, by name."""
        given = {"metrics": self.metrics_port, "health": self.health_port}
        webhooks = {"webhooks": self.webhook_port} if self.webhooks else {}
        return {name: port for name, port in given.items() if port is not None} | webhooks | dict(self.listens)

    @property
    def certificates(self) -> ManagedCertificates | None:
        """What the process serves its webhooks with; None where it has none."""
        return managed_certificates(self.name, self.namespace, self.webhooks) if self.webhooks else None

    @property
    def all_permissions(self) -> list[Permission]:
        """Everything that the process may do, each with its reason."""
        found = manager_permissions(
            self.controllers,
            leader_election=self.leader_election,
            namespace=self.namespace,
            protected_metrics=self.protected_metrics,
        )
        if self.certificates is not None:
            found += self.certificates.permissions(self.namespace)
        return [*found, *self.permissions]

    @property
    def rules(self) -> Rules:
        """The same as RBAC rules."""
        return policy_rules(self.all_permissions)


def managed_certificates(name: str, namespace: str, webhooks: Sequence[Webhook]) -> ManagedCertificates:
    """The certificates of an installation's webhooks, by the names that its manifests use."""
    admission = any(isinstance(webhook, AdmissionWebhook) for webhook in webhooks)
    converted = [
        conversion for hook in webhooks if isinstance(hook, ConversionWebhook) for conversion in hook.conversions
    ]
    return ManagedCertificates(
        secret=webhook_secret(name),
        namespace=namespace,
        dns_names=webhook_dns_names(name, namespace),
        configurations=[webhook_configuration(name)] if admission else [],
        crds=sorted(each.hub.resource_type.group_resource for each in converted),
    )
