"""The group apiextensions.k8s.io, v1: custom kinds."""

from pydantic import Field

from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import JsonObject


class CustomResourceDefinitionNames(PartialModel):
    """What a custom kind is called."""

    plural: str
    kind: str
    singular: str | None = None
    list_kind: str | None = None
    short_names: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)


class CustomResourceDefinitionVersion(PartialModel):
    """One version of a custom kind; `schema_` is `schema` on the wire."""

    name: str
    served: bool
    storage: bool
    schema_: JsonObject | None = None
    subresources: JsonObject | None = None
    additional_printer_columns: list[JsonObject] = Field(default_factory=list)


class CustomResourceDefinitionSpec(PartialModel):
    """What a custom kind is."""

    group: str
    names: CustomResourceDefinitionNames
    scope: str
    versions: list[CustomResourceDefinitionVersion]
    conversion: JsonObject | None = None
    preserve_unknown_fields: bool | None = None


class CustomResourceDefinitionStatus(PartialModel):
    """Whether a custom kind is served: condition Established."""

    conditions: list[Condition] = Field(default_factory=list)
    accepted_names: CustomResourceDefinitionNames | None = None
    stored_versions: list[str] = Field(default_factory=list)


class CustomResourceDefinition(
    Resource,
    group="apiextensions.k8s.io",
    version="v1",
    scope="Cluster",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    status_subresource=True,
):
    """Makes the server serve a custom kind."""

    spec: CustomResourceDefinitionSpec
    status: CustomResourceDefinitionStatus = Field(default_factory=CustomResourceDefinitionStatus)
