# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of storagemigration.k8s.io/v1beta1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf
from kubernaut.resources.builtin.meta_v1 import GroupResource
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = ["StorageVersionMigration", "StorageVersionMigrationSpec", "StorageVersionMigrationStatus"]


class StorageVersionMigrationSpec(PartialModel):
    resource: GroupResource


class StorageVersionMigrationStatus(PartialModel):
    conditions: ListOf[Condition] = Field(default_factory=list)
    resource_version: str | None = None


class StorageVersionMigration(
    Resource,
    group="storagemigration.k8s.io",
    version="v1beta1",
    scope="Cluster",
    status_subresource=True,
):
    spec: StorageVersionMigrationSpec | None = None
    status: StorageVersionMigrationStatus = Field(default_factory=StorageVersionMigrationStatus)
