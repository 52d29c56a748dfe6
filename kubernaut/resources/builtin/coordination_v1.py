# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of coordination.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime

__all__ = ["Lease", "LeaseSpec"]


class LeaseSpec(PartialModel):
    acquire_time: MicroTime | None = None
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None
    preferred_holder: str | None = None
    renew_time: MicroTime | None = None
    strategy: str | None = None


class Lease(Resource, group="coordination.k8s.io", version="v1"):
    spec: LeaseSpec = Field(default_factory=LeaseSpec)
