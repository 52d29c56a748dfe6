"""Typed Kubernetes objects: Resource, metadata, conditions, scalars, and CRDs made from models."""

from kubernaut.resources.anyresource import AnyResource
from kubernaut.resources.conditions import Condition, ConditionStatus, StatusBase, stamp_conditions
from kubernaut.resources.crd import crd_for
from kubernaut.resources.meta import SERVER_METADATA, ObjectMeta, OwnerReference
from kubernaut.resources.model import Model, PartialModel
from kubernaut.resources.naming import pluralise, to_camel
from kubernaut.resources.resource import OwnershipError, Resource, set_controller_reference
from kubernaut.resources.scalars import (
    Duration,
    IntOrString,
    JsonObject,
    MicroTime,
    Quantity,
    Time,
    format_duration,
    format_micro_time,
    format_time,
    parse_duration,
    quantity_value,
)
from kubernaut.resources.schema import schema_for
from kubernaut.resources.types import CrdOptions, PrinterColumn, ResourceType, Rule, ScaleSubresource, Scope, SpecRule

__all__ = [
    "SERVER_METADATA",
    "AnyResource",
    "Condition",
    "ConditionStatus",
    "CrdOptions",
    "Duration",
    "IntOrString",
    "JsonObject",
    "MicroTime",
    "Model",
    "ObjectMeta",
    "OwnerReference",
    "OwnershipError",
    "PartialModel",
    "PrinterColumn",
    "Quantity",
    "Resource",
    "ResourceType",
    "Rule",
    "ScaleSubresource",
    "Scope",
    "SpecRule",
    "StatusBase",
    "Time",
    "crd_for",
    "format_duration",
    "format_micro_time",
    "format_time",
    "parse_duration",
    "pluralise",
    "quantity_value",
    "schema_for",
    "set_controller_reference",
    "stamp_conditions",
    "to_camel",
]
