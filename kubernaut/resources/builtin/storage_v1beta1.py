# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of storage.k8s.io/v1beta1."""

from pydantic import Field

from kubernaut.resources.builtin.collections import MapOf
from kubernaut.resources.resource import Resource

__all__ = ["VolumeAttributesClass"]


class VolumeAttributesClass(Resource, group="storage.k8s.io", version="v1beta1", scope="Cluster", short_names=("vac",)):
    driver_name: str
    parameters: MapOf[str] = Field(default_factory=dict)
