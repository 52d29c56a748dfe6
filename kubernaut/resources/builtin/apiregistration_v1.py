# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of apiregistration.k8s.io/v1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = ["APIService", "APIServiceCondition", "APIServiceSpec", "APIServiceStatus", "ServiceReference"]


class ServiceReference(PartialModel):
    name: str | None = None
    namespace: str | None = None
    port: int | None = None


class APIServiceSpec(PartialModel):
    group_priority_minimum: int
    version_priority: int
    ca_bundle: str | None = None
    group: str | None = None
    insecure_skip_tls_verify: bool | None = Field(default=None, alias="insecureSkipTLSVerify")
    service: ServiceReference | None = None
    version: str | None = None


class APIServiceCondition(Condition):
    pass


class APIServiceStatus(PartialModel):
    conditions: ListOf[APIServiceCondition] = Field(default_factory=list)


class APIService(
    Resource,
    group="apiregistration.k8s.io",
    version="v1",
    scope="Cluster",
    categories=("api-extensions",),
    status_subresource=True,
):
    spec: APIServiceSpec | None = None
    status: APIServiceStatus = Field(default_factory=APIServiceStatus)
