# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of certificates.k8s.io/v1alpha1."""

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = ["ClusterTrustBundle", "ClusterTrustBundleSpec"]


class ClusterTrustBundleSpec(PartialModel):
    trust_bundle: str
    signer_name: str | None = None


class ClusterTrustBundle(Resource, group="certificates.k8s.io", version="v1alpha1", scope="Cluster"):
    spec: ClusterTrustBundleSpec
