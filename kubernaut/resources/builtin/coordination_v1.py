"""The group coordination.k8s.io, v1: leases."""

from pydantic import Field

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime


class LeaseSpec(PartialModel):
    """Who holds a lease, and for how many seconds after `renew_time`."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: MicroTime | None = None
    renew_time: MicroTime | None = None
    lease_transitions: int | None = None


class Lease(Resource, group="coordination.k8s.io", version="v1"):
    """A right that one holder has at a time."""

    spec: LeaseSpec = Field(default_factory=LeaseSpec)
