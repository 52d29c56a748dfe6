# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of certificates.k8s.io/v1beta1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "ClusterTrustBundle",
    "ClusterTrustBundleSpec",
    "PodCertificateRequest",
    "PodCertificateRequestSpec",
    "PodCertificateRequestStatus",
]


class ClusterTrustBundleSpec(PartialModel):
    trust_bundle: str
    signer_name: str | None = None


class ClusterTrustBundle(Resource, group="certificates.k8s.io", version="v1beta1", scope="Cluster"):
    spec: ClusterTrustBundleSpec


class PodCertificateRequestSpec(PartialModel):
    node_name: str
    pod_name: str
    service_account_name: str
    signer_name: str
    max_expiration_seconds: int | None = None
    node_uid: str = Field(alias="nodeUID")
    pkix_public_key: str | None = None
    pod_uid: str = Field(alias="podUID")
    proof_of_possession: str | None = None
    service_account_uid: str = Field(alias="serviceAccountUID")
    stub_pkcs10_request: str = Field(alias="stubPKCS10Request")
    unverified_user_annotations: MapOf[str] = Field(default_factory=dict)


class PodCertificateRequestStatus(PartialModel):
    begin_refresh_at: Time | None = None
    certificate_chain: str | None = None
    conditions: ListOf[Condition] = Field(default_factory=list)
    not_after: Time | None = None
    not_before: Time | None = None


class PodCertificateRequest(Resource, group="certificates.k8s.io", version="v1beta1", status_subresource=True):
    spec: PodCertificateRequestSpec
    status: PodCertificateRequestStatus = Field(default_factory=PodCertificateRequestStatus)
