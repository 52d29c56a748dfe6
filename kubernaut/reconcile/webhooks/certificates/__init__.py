"""Certificates for webhooks that kubernaut makes, publishes and renews itself.

tls = ManagedCertificates(secret="hooks", dns_names=["hooks.shop.svc"], configurations=["shop"])
manager.add_webhooks(hook, tls=tls)
"""

from kubernaut.reconcile.webhooks.certificates.keeper import CertificateKeeper
from kubernaut.reconcile.webhooks.certificates.managed import ManagedCertificates

__all__ = ["CertificateKeeper", "ManagedCertificates"]
