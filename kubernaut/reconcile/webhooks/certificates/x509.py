"""Authorities and the server certificates they issue, as PEM; the one place that uses the package cryptography."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from kubernaut.distribution import install_hint

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["Facts", "Pair", "facts_of", "make_authority", "make_server", "matching", "require"]

SKEW = timedelta(hours=1)
"""How far the clocks of API servers and replicas may be apart: a certificate is valid this much before it is made."""


def require() -> None:
    """Raises ImportError, which says what to install, where certificates cannot be made."""
    try:
        import cryptography.x509  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"managed certificates need the package cryptography: {install_hint('certificates')}"
        ) from error


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself; `names` are DNS names and IP addresses."""

    not_before: datetime
    not_after: datetime
    serial: int
    names: tuple[str, ...]

    @property
    def due(self) -> datetime:
        """When it is to be replaced: two thirds of its life are over."""
        return self.not_before + (self.not_after - self.not_before) * 2 / 3


@lru_cache(maxsize=64)
def facts_of(certificate: bytes) -> Facts:
    """Read one certificate (PEM). Raises ValueError for bytes that are none."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(certificate)
    names: list[str] = []
    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        pass
    else:
        names += alternatives.get_values_for_type(x509.DNSName)
        names += [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    return Facts(found.not_valid_before_utc, found.not_valid_after_utc, found.serial_number, tuple(names))


def make_authority(name: str, now: datetime, lifetime: timedelta) -> Pair:
    """A new authority with a key of its own. Its subject is like no other's: two of one name confuse verifiers."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    identity = x509.SubjectKeyIdentifier.from_public_key(public)
    subject = _named(f"{name[:40]} {identity.digest.hex()[:16]}")
    builder = _dated(now, now + lifetime).subject_name(subject).issuer_name(subject).public_key(public)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(identity, critical=False)
    return _signed(builder, key, key)


def make_server(issuer: Pair, names: Sequence[str], now: datetime, lifetime: timedelta) -> Pair:
    """A server's certificate for `names` (DNS names and IP addresses), which ends with its issuer at the latest."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signer = load_pem_private_key(issuer.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    authority = x509.load_pem_x509_certificate(issuer.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    builder = _dated(now, min(now + lifetime, authority.not_valid_after_utc))
    builder = builder.subject_name(_named(names[0][:64])).issuer_name(authority.subject).public_key(public)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    identity = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return _signed(builder.add_extension(identity, critical=False), key, signer)


def matching(pair: Pair, issuer: bytes) -> None:
    """Raises ValueError unless the key is the certificate's, and `issuer` (PEM) signed it."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificate = x509.load_pem_x509_certificate(pair.certificate)
    try:
        key = load_pem_private_key(pair.key, None)
    except (ValueError, TypeError):
        raise ValueError("the private key cannot be read") from None  # the text may show what was read
    if key.public_key() != certificate.public_key():
        raise ValueError("the private key is another certificate's")
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(issuer))
    except (InvalidSignature, TypeError, ValueError) as error:
        raise ValueError("the certificate was signed by another authority") from error


def _named(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _dated(now: datetime, end: datetime) -> x509.CertificateBuilder:
    from cryptography import x509

    backdated = now - min(SKEW, (end - now) / 24)
    return x509.CertificateBuilder(
        serial_number=x509.random_serial_number(), not_valid_before=backdated, not_valid_after=end
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey) -> Pair:
    from cryptography.hazmat.primitives import hashes, serialization

    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate, private)
