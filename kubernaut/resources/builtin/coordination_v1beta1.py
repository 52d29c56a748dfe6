# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of coordination.k8s.io/v1beta1."""

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime

__all__ = ["LeaseCandidate", "LeaseCandidateSpec"]


class LeaseCandidateSpec(PartialModel):
    binary_version: str
    lease_name: str
    strategy: str
    emulation_version: str | None = None
    ping_time: MicroTime | None = None
    renew_time: MicroTime | None = None


class LeaseCandidate(Resource, group="coordination.k8s.io", version="v1beta1"):
    spec: LeaseCandidateSpec
