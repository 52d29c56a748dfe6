# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The core group, v1: text and secrets for programs."""

from pydantic import Field

from kubernaut.resources.builtin.collections import MapOf
from kubernaut.resources.builtin.secrets import SecretValues
from kubernaut.resources.resource import Resource

__all__ = ["ConfigMap", "Secret"]


class ConfigMap(Resource, version="v1", short_names=("cm",)):
    binary_data: MapOf[str] = Field(default_factory=dict)
    data: MapOf[str] = Field(default_factory=dict)
    immutable: bool | None = None


class Secret(SecretValues, version="v1"):
    immutable: bool | None = None
    type: str | None = None
