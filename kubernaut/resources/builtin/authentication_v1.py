# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of authentication.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import Time

__all__ = [
    "BoundObjectReference",
    "SelfSubjectReview",
    "SelfSubjectReviewStatus",
    "TokenRequest",
    "TokenRequestSpec",
    "TokenRequestStatus",
    "TokenReview",
    "TokenReviewSpec",
    "TokenReviewStatus",
    "UserInfo",
]


class BoundObjectReference(PartialModel):
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None


class UserInfo(PartialModel):
    extra: MapOf[ListOf[str]] = Field(default_factory=dict)
    groups: ListOf[str] = Field(default_factory=list)
    uid: str | None = None
    username: str | None = None


class SelfSubjectReviewStatus(PartialModel):
    user_info: UserInfo | None = None


class SelfSubjectReview(Resource, group="authentication.k8s.io", version="v1", scope="Cluster"):
    status: SelfSubjectReviewStatus = Field(default_factory=SelfSubjectReviewStatus)


class TokenRequestSpec(PartialModel):
    audiences: ListOf[str] = Field(default_factory=list)
    bound_object_ref: BoundObjectReference | None = None
    expiration_seconds: int | None = None


class TokenRequestStatus(PartialModel):
    expiration_timestamp: Time | None = None
    token: str | None = None


class TokenRequest(Resource, group="authentication.k8s.io", version="v1"):
    spec: TokenRequestSpec = Field(default_factory=TokenRequestSpec)
    status: TokenRequestStatus = Field(default_factory=TokenRequestStatus)


class TokenReviewSpec(PartialModel):
    token: str
    audiences: ListOf[str] = Field(default_factory=list)


class TokenReviewStatus(PartialModel):
    audiences: ListOf[str] = Field(default_factory=list)
    authenticated: bool | None = None
    error: str | None = None
    user: UserInfo | None = None


class TokenReview(Resource, group="authentication.k8s.io", version="v1", scope="Cluster"):
    spec: TokenReviewSpec
    status: TokenReviewStatus = Field(default_factory=TokenReviewStatus)
