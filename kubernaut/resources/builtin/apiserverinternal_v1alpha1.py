# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of internal.apiserver.k8s.io/v1alpha1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "ServerStorageVersion",
    "StorageVersion",
    "StorageVersionCondition",
    "StorageVersionSpec",
    "StorageVersionStatus",
]


class ServerStorageVersion(PartialModel):
    encoding_version: str
    api_server_id: str = Field(alias="apiServerID")
    decodable_versions: ListOf[str] = Field(default_factory=list)
    served_versions: ListOf[str] = Field(default_factory=list)


class StorageVersionSpec(PartialModel):
    pass


class StorageVersionCondition(Condition):
    pass


class StorageVersionStatus(PartialModel):
    common_encoding_version: str | None = None
    conditions: ListOf[StorageVersionCondition] = Field(default_factory=list)
    storage_versions: ListOf[ServerStorageVersion] = Field(default_factory=list)


class StorageVersion(
    Resource,
    group="internal.apiserver.k8s.io",
    version="v1alpha1",
    scope="Cluster",
    status_subresource=True,
):
    spec: StorageVersionSpec = Field(default_factory=StorageVersionSpec)
    status: StorageVersionStatus = Field(default_factory=StorageVersionStatus)
