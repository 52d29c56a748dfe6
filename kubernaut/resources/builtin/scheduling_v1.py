# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of scheduling.k8s.io/v1."""

from kubernaut.resources.resource import Resource

__all__ = ["PriorityClass"]


class PriorityClass(Resource, group="scheduling.k8s.io", version="v1", scope="Cluster", short_names=("pc",)):
    description: str | None = None
    global_default: bool | None = None
    preemption_policy: str | None = None
    value: int | None = None
