"""The managed certificates of one run of a manager: one keeper for each, on every replica."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from kubernaut.client import Client
from kubernaut.reconcile.running.services import Service
from kubernaut.reconcile.running.wiring import Wiring
from kubernaut.reconcile.serving import IssuedTls

if TYPE_CHECKING:
    from kubernaut.reconcile.webhooks.certificates import CertificateKeeper, ManagedCertificates


class Certified:
    """Keepers by what they keep. Raises ImportError and ValueError as `CertificateKeeper` does."""

    def __init__(self, wiring: Wiring, client: Client) -> None:
        self._issued = [issued for _, issued in wiring.managed]
        self._keepers = [
            _keeper(wiring, client, number, settings, issued)
            for number, (settings, issued) in enumerate(wiring.managed)
        ]
        self.services = [
            Service(f"certificates in Secret {settings.secret}", keeper.run)
            for (settings, _), keeper in zip(wiring.managed, self._keepers, strict=True)
        ]

    def problem(self) -> str | None:
        """Why one of the certificates cannot be trusted now; None when all can."""
        return next((problem for keeper in self._keepers if (problem := keeper.problem())), None)

    def clear(self) -> None:
        """Forget the certificates: another run begins with what the Secret holds then."""
        for issued in self._issued:
            issued.clear()


def _keeper(
    wiring: Wiring, client: Client, number: int, settings: ManagedCertificates, issued: IssuedTls
) -> CertificateKeeper:
    # Imported where there are certificates to keep: it takes as long as a tenth of the runtime.
    from kubernaut.reconcile.webhooks.certificates import CertificateKeeper

    random = Random(f"{wiring.seed}/certificates/{number}")
    return CertificateKeeper(settings, client, issued, clock=wiring.clock, random=random)
