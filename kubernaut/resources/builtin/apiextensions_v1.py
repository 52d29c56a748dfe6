# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of apiextensions.k8s.io/v1."""

from typing import Any

from pydantic import Field

from kubernaut.resources.builtin.collections import ListOf, MapOf
from kubernaut.resources.conditions import Condition
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource

__all__ = [
    "CustomResourceColumnDefinition",
    "CustomResourceConversion",
    "CustomResourceDefinition",
    "CustomResourceDefinitionCondition",
    "CustomResourceDefinitionNames",
    "CustomResourceDefinitionSpec",
    "CustomResourceDefinitionStatus",
    "CustomResourceDefinitionVersion",
    "CustomResourceSubresourceScale",
    "CustomResourceSubresourceStatus",
    "CustomResourceSubresources",
    "CustomResourceValidation",
    "ExternalDocumentation",
    "JSONSchemaProps",
    "SelectableField",
    "ServiceReference",
    "ValidationRule",
    "WebhookClientConfig",
    "WebhookConversion",
]


class CustomResourceColumnDefinition(PartialModel):
    json_path: str
    name: str
    type: str
    description: str | None = None
    format: str | None = None
    priority: int | None = None


class ServiceReference(PartialModel):
    name: str
    namespace: str
    path: str | None = None
    port: int | None = None


class WebhookClientConfig(PartialModel):
    ca_bundle: str | None = None
    service: ServiceReference | None = None
    url: str | None = None


class WebhookConversion(PartialModel):
    client_config: WebhookClientConfig | None = None
    conversion_review_versions: ListOf[str] = Field(default_factory=list)


class CustomResourceConversion(PartialModel):
    strategy: str
    webhook: WebhookConversion | None = None


class CustomResourceDefinitionNames(PartialModel):
    kind: str
    plural: str
    categories: ListOf[str] = Field(default_factory=list)
    list_kind: str | None = None
    short_names: ListOf[str] = Field(default_factory=list)
    singular: str | None = None


class CustomResourceSubresourceScale(PartialModel):
    spec_replicas_path: str
    status_replicas_path: str
    label_selector_path: str | None = None


class CustomResourceSubresourceStatus(PartialModel):
    pass


class CustomResourceSubresources(PartialModel):
    scale: CustomResourceSubresourceScale | None = None
    status: CustomResourceSubresourceStatus | None = None


class ExternalDocumentation(PartialModel):
    description: str | None = None
    url: str | None = None


class ValidationRule(PartialModel):
    rule: str
    field_path: str | None = None
    message: str | None = None
    message_expression: str | None = None
    optional_old_self: bool | None = None
    reason: str | None = None


class JSONSchemaProps(PartialModel):
    ref: str | None = Field(default=None, alias="$ref")
    schema_: str | None = Field(default=None, alias="$schema")
    additional_items: "JSONSchemaProps | bool | None" = None
    additional_properties: "JSONSchemaProps | bool | None" = None
    all_of: "ListOf[JSONSchemaProps]" = Field(default_factory=list)
    any_of: "ListOf[JSONSchemaProps]" = Field(default_factory=list)
    default: Any = None
    definitions: "MapOf[JSONSchemaProps]" = Field(default_factory=dict)
    dependencies: "MapOf[JSONSchemaProps | list[str]]" = Field(default_factory=dict)
    description: str | None = None
    enum: ListOf[Any] = Field(default_factory=list)
    example: Any = None
    exclusive_maximum: bool | None = None
    exclusive_minimum: bool | None = None
    external_docs: ExternalDocumentation | None = None
    format: str | None = None
    id: str | None = None
    items: "JSONSchemaProps | list[JSONSchemaProps] | None" = None
    max_items: int | None = None
    max_length: int | None = None
    max_properties: int | None = None
    maximum: float | None = None
    min_items: int | None = None
    min_length: int | None = None
    min_properties: int | None = None
    minimum: float | None = None
    multiple_of: float | None = None
    not_: "JSONSchemaProps | None" = None
    nullable: bool | None = None
    one_of: "ListOf[JSONSchemaProps]" = Field(default_factory=list)
    pattern: str | None = None
    pattern_properties: "MapOf[JSONSchemaProps]" = Field(default_factory=dict)
    properties: "MapOf[JSONSchemaProps]" = Field(default_factory=dict)
    required: ListOf[str] = Field(default_factory=list)
    title: str | None = None
    type: str | None = None
    unique_items: bool | None = None
    x_kubernetes_embedded_resource: bool | None = Field(default=None, alias="x-kubernetes-embedded-resource")
    x_kubernetes_int_or_string: bool | None = Field(default=None, alias="x-kubernetes-int-or-string")
    x_kubernetes_list_map_keys: ListOf[str] = Field(default_factory=list, alias="x-kubernetes-list-map-keys")
    x_kubernetes_list_type: str | None = Field(default=None, alias="x-kubernetes-list-type")
    x_kubernetes_map_type: str | None = Field(default=None, alias="x-kubernetes-map-type")
    x_kubernetes_preserve_unknown_fields: bool | None = Field(
        default=None,
        alias="x-kubernetes-preserve-unknown-fields",
    )
    x_kubernetes_validations: ListOf[ValidationRule] = Field(default_factory=list, alias="x-kubernetes-validations")


class CustomResourceValidation(PartialModel):
    open_api_v3_schema: JSONSchemaProps | None = Field(default=None, alias="openAPIV3Schema")


class SelectableField(PartialModel):
    json_path: str


class CustomResourceDefinitionVersion(PartialModel):
    name: str
    served: bool
    storage: bool
    additional_printer_columns: ListOf[CustomResourceColumnDefinition] = Field(default_factory=list)
    deprecated: bool | None = None
    deprecation_warning: str | None = None
    schema_: CustomResourceValidation | None = None
    selectable_fields: ListOf[SelectableField] = Field(default_factory=list)
    subresources: CustomResourceSubresources | None = None


class CustomResourceDefinitionSpec(PartialModel):
    group: str
    names: CustomResourceDefinitionNames
    scope: str
    versions: ListOf[CustomResourceDefinitionVersion]
    conversion: CustomResourceConversion | None = None
    preserve_unknown_fields: bool | None = None


class CustomResourceDefinitionCondition(Condition):
    pass


class CustomResourceDefinitionStatus(PartialModel):
    accepted_names: CustomResourceDefinitionNames | None = None
    conditions: ListOf[CustomResourceDefinitionCondition] = Field(default_factory=list)
    observed_generation: int | None = None
    stored_versions: ListOf[str] = Field(default_factory=list)


class CustomResourceDefinition(
    Resource,
    group="apiextensions.k8s.io",
    version="v1",
    scope="Cluster",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    status_subresource=True,
):
    spec: CustomResourceDefinitionSpec
    status: CustomResourceDefinitionStatus = Field(default_factory=CustomResourceDefinitionStatus)
