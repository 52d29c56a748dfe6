"""What every object carries about itself: ObjectMeta and owner references."""

from pydantic import Field

from kubernaut.resources.model import Model
from kubernaut.resources.scalars import JsonObject, Time

SERVER_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""The names of the metadata that only the server writes."""


class OwnerReference(Model):
    """Says that an object belongs to another of the same namespace, or to a cluster-scoped one."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model):
    """Identity, labels and life of an object."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)
    finalizers: list[str] = Field(default_factory=list)
    managed_fields: list[JsonObject] = Field(default_factory=list)
    self_link: str | None = None

    def controller_reference(self) -> OwnerReference | None:
        """Give the reference to the object that controls this one, if there is one."""
        return next((owner for owner in self.owner_references if owner.controller), None)
