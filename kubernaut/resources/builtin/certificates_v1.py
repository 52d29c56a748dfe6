# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of certificates.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "CertificateSigningRequest",
    "CertificateSigningRequestCondition",
    "CertificateSigningRequestSpec",
    "CertificateSigningRequestStatus",
]


class CertificateSigningRequestSpec(PartialModel):
    request: str
    signer_name: str
    expiration_seconds: int | None = None
    extra: MapOf[ListOf[str]] = Field(default_factory=dict)
    groups: ListOf[str] = Field(default_factory=list)
    uid: str | None = None
    usages: ListOf[str] = Field(default_factory=list)
    username: str | None = None


class CertificateSigningRequestCondition(Condition):
    last_update_time: Time | None = None


class CertificateSigningRequestStatus(PartialModel):
    certificate: str | None = None
    conditions: ListOf[CertificateSigningRequestCondition] = Field(default_factory=list)


class CertificateSigningRequest(
    Resource,
    group="certificates.k8s.io",
    version="v1",
    scope="Cluster",
    short_names=("csr",),
    status_subresource=True,
):
    spec: CertificateSigningRequestSpec
    status: CertificateSigningRequestStatus = Field(default_factory=CertificateSigningRequestStatus)
