"""Structural schemas, as CRDs need them, made from models."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from kubernaut.resources.model import Model, PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.rules import add_rules
from kubernaut.resources.scalars import format_duration
from kubernaut.resources.structural import INEXPRESSIBLE, PRESERVE, Structural

_IDENTITY = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def schema_for(model: type[BaseModel], *, validations: bool = True) -> dict[str, Any]:
    """Make the structural schema of a model; of a Resource, with the API's own fields and its CEL rules.

    The caller owns the result. Raises TypeError, naming the field, for what a CRD cannot express: unions other than
    with None or of int and str, recursion, fixed-size tuples, arbitrary types.
    """
    raw = model.model_json_schema(by_alias=True, schema_generator=_Generator, mode="validation")
    if not issubclass(model, Resource):
        return Structural(model.__name__, raw).schema()
    properties = raw.get("properties", {})
    for name in _IDENTITY:
        properties.pop(name, None)
    status = properties.get("status")
    if isinstance(status, dict):
        # What the status says is the controller's word alone; a default would speak before it.
        status.pop("default", None)
    raw["required"] = [name for name in raw.get("required", ()) if name != "status"]
    schema = Structural(model.__name__, raw).schema()
    schema["properties"] = {**_IDENTITY, **schema.get("properties", {})}
    schema.pop("default", None)
    if validations:
        add_rules(model.__name__, schema, model.crd_options.rules)
    return schema


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without what a CRD has no words for."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        result = super().model_schema(schema)
        # "Unknown fields survive" is how clients decode; on the server only what was asked for is preserved.
        if result.get("additionalProperties") in (True, False):
            del result["additionalProperties"]
        if issubclass(schema["cls"], PartialModel):
            result[PRESERVE] = True
        return result

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        return super().field_is_required(field, total) and not _is_nullable(field["schema"])

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        factory = schema.get("default_factory")
        if factory is None or schema.get("default_factory_takes_data"):
            return super().get_default_value(schema)
        # Other factories (a clock, a generator of ids) make a new value each time, which no schema can say.
        made = factory()  # type: ignore[call-arg]
        return made if isinstance(made, (BaseModel, dict, list, tuple, set)) else super().get_default_value(schema)

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Model):
            return dft.to_dict()
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, dict):
            return {key: self.encode_default(value) for key, value in dft.items()}
        if isinstance(dft, (list, tuple)):
            return [self.encode_default(value) for value in dft]
        return super().encode_default(dft)

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> JsonSchemaValue:
        # Said later, when the path of the field is known.
        return {INEXPRESSIBLE: f"a CRD cannot express this type ({error_info})"}


def _is_nullable(schema: Any) -> bool:
    while isinstance(schema, dict):
        if schema.get("type") == "nullable":
            return True
        schema = schema.get("schema")
    return False
