"""The group authorization.k8s.io, v1: questions whether somebody may do something. They are created, never stored."""

from pydantic import Field

from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

_GROUP = "authorization.k8s.io"


class ResourceAttributes(PartialModel):
    """What is to be done to which resource; an empty name or namespace means all."""

    verb: str | None = None
    group: str | None = None
    version: str | None = None
    resource: str | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None


class NonResourceAttributes(PartialModel):
    """What is to be done to which URL path."""

    path: str | None = None
    verb: str | None = None


class SelfSubjectAccessReviewSpec(PartialModel):
    """A question about the asker."""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None


class SubjectAccessReviewSpec(SelfSubjectAccessReviewSpec):
    """A question about a user with its groups."""

    user: str | None = None
    groups: list[str] = Field(default_factory=list)
    uid: str | None = None


class SubjectAccessReviewStatus(PartialModel):
    """The answer."""

    allowed: bool = False
    denied: bool | None = None
    reason: str | None = None
    evaluation_error: str | None = None


class SubjectAccessReview(Resource, group=_GROUP, version="v1", scope="Cluster"):
    """Asks whether a user may do something."""

    spec: SubjectAccessReviewSpec = Field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = Field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectAccessReview(Resource, group=_GROUP, version="v1", scope="Cluster"):
    """Asks whether the asker may do something."""

    spec: SelfSubjectAccessReviewSpec = Field(default_factory=SelfSubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = Field(default_factory=SubjectAccessReviewStatus)
