"""What an operator says about certificates that kubernaut makes itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.settings import check_duration
from kubernaut.reconcile.webhooks.certificates.x509 import require
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.core_v1 import Secret

__all__ = ["ManagedCertificates"]

CONFIGURATIONS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME_LENGTH = 253


@dataclass(frozen=True)
class ManagedCertificates:
    """An authority of its own and a server certificate, in one Secret that all replicas share; renewed in time.

        ManagedCertificates(
            secret="kubernaut-webhooks",
            namespace="kubernaut-system",
            dns_names=["kubernaut-webhooks.kubernaut-system.svc"],
            configurations=["kubernaut"],
        )

    `secret`, in `namespace` (the client's own by default): made by the first replica that finds none. It may be there
    before, empty; one that holds something else is left alone. `dns_names`: what the API server calls the server, for a
    Service `<name>.<namespace>.svc`; IP addresses too. `configurations`: the names of Mutating- and
    ValidatingWebhookConfigurations that get the `caBundle`, in the entries that lead to one of `dns_names` and in no
    others; `crds`: names of CustomResourceDefinitions, whose conversions get it likewise.

    The server's certificate lives for `lifetime` and the authority for `ca_lifetime`; each is replaced when two thirds
    are over. A new authority is trusted for `overlap` before it is used: API servers need a moment to see a change. The
    Secret is read every `check_every`; configurations are watched besides, for one that loses its `caBundle` (to
    `kubectl replace`, say) stops whatever its webhooks are for. Needs the extra `certificates`.

    Raises TypeError and ValueError for settings that cannot work.
    """

    secret: str
    dns_names: Sequence[str]
    namespace: str | None = None
    configurations: Sequence[str] = ()
    crds: Sequence[str] = ()
    lifetime: timedelta = timedelta(days=90)
    ca_lifetime: timedelta = timedelta(days=5 * 365)
    overlap: timedelta = timedelta(minutes=10)
    check_every: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        for field in ("dns_names", "configurations", "crds"):
            given = getattr(self, field)
            if isinstance(given, str) or not all(isinstance(name, str) for name in given):
                raise TypeError(f"{field}: {given!r} must be a list of texts")
            object.__setattr__(self, field, tuple(given))
        if not self.dns_names:
            raise ValueError("dns_names: name what the API server calls: '<service>.<namespace>.svc'")
        object.__setattr__(self, "dns_names", tuple(dict.fromkeys(_host("dns_names", name) for name in self.dns_names)))
        for name in (self.secret, *self.configurations, *self.crds):
            if not name or len(name) > _NAME_LENGTH or not all(map(_LABEL.fullmatch, name.split("."))):
                raise ValueError(f"{name!r} is no name of an object")
        for field in ("lifetime", "ca_lifetime", "overlap", "check_every"):
            check_duration(field, getattr(self, field))
            if not getattr(self, field):
                raise ValueError(f"{field}: must be longer than nothing")
        if self.lifetime < 6 * max(self.overlap, self.check_every):
            raise ValueError("lifetime: must be six times as long as overlap and check_every, or longer")
        if self.ca_lifetime < 3 * self.lifetime:
            raise ValueError("ca_lifetime: must be three times as long as lifetime, or longer")

    def require(self) -> None:
        """Raises ImportError, which says what to install, where the extra `certificates` is missing."""
        require()

    def permissions(self, namespace: str = "default") -> list[Permission]:
        """What the replicas need: this one Secret, and the named objects. `namespace` holds where none was given.

        A Secret that is there already, be it empty, makes the right to create Secrets superfluous.
        """
        where = self.namespace or namespace
        why = "webhook certificates: the Secret that replicas share"
        found = [
            Permission(
                ["create"], Secret, namespace=where, why="webhook certificates: the first replica makes the Secret"
            ),
            Permission(["get", "update"], Secret, namespace=where, names=[self.secret], why=why),
        ]
        verbs = ["get", "watch", "patch"]
        for kind in CONFIGURATIONS if self.configurations else ():
            why = "webhook certificates: publishes the caBundle"
            found.append(Permission(verbs, kind, names=self.configurations, why=why))
        if self.crds:
            why = "webhook certificates: publishes the caBundle of conversions"
            found.append(Permission(verbs, CustomResourceDefinition, names=self.crds, why=why))
        return found


def _host(field: str, name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    lowered = name.lower()
    if len(lowered) > _NAME_LENGTH or not all(map(_LABEL.fullmatch, lowered.split("."))):
        raise ValueError(f"{field}: {name!r} is neither a DNS name nor an IP address")
    return lowered
