"""The base of every typed object: the API's field names, unknown fields kept, and the two ways to write it out."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Self, get_args

import msgspec
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from kubernaut.resources.naming import to_camel

_Prune = Callable[["Model", dict[str, Any]], dict[str, Any]]


class Model(BaseModel):
    """A piece of a Kubernetes object.

    Fields are written in snake case and travel in the API's camel case (`cluster_ip` is `clusterIP`). Fields the class
    does not know are kept as they came and written back, so that an update loses nothing.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        defer_build=True,
        protected_namespaces=(),
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        super().__pydantic_init_subclass__(**keywords)
        # The API has no null: a field that is None is not sent, so one that may be None must be allowed to be missing.
        for field in cls.model_fields.values():
            if field.is_required() and type(None) in get_args(field.annotation):
                field.default = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Decode a JSON object. Raises pydantic.ValidationError."""
        return cls.model_validate(data)

    @classmethod
    def from_json(cls, data: bytes | bytearray | str) -> Self:
        """Decode JSON text. Raises pydantic.ValidationError."""
        return cls.model_validate_json(data)

    def to_dict(self) -> dict[str, Any]:
        """Encode as a JSON-ready dict: the API's names, no nulls, no empty collections or strings that are defaults."""
        dumped = self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings="error")
        return _without_empty_defaults(self, dumped)

    def to_json(self) -> bytes:
        """Encode `to_dict()` as JSON text."""
        return msgspec.json.encode(self.to_dict())


class PartialModel(Model):
    """A model that names only some fields of a larger type; inside a CRD the server is told to keep the others."""


def alias_of(name: str, field: FieldInfo) -> str:
    """Give the name that `field` has on the wire."""
    return field.serialization_alias or field.alias or name


def applied(model: Model) -> dict[str, Any]:
    """Encode the fields that were set or that differ from their default, recursively.

    A field that was changed in place (a label added to a default dict) counts: pydantic's own record of set fields
    would miss it.
    """
    return _only_set(model, model.model_dump(mode="json", by_alias=True, exclude_none=True, warnings="error"))


def _only_set(model: Model, dumped: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    defaults = _defaults(type(model))
    for name, field in type(model).model_fields.items():
        alias = alias_of(name, field)
        if alias not in dumped:
            continue
        value = getattr(model, name)
        if name not in model.model_fields_set and not field.is_required() and value == defaults[name]:
            continue
        kept[alias] = _walk(value, dumped[alias], _only_set)
    for name, value in (model.model_extra or {}).items():
        if name in dumped:
            kept[name] = _walk(value, dumped[name], _only_set)
    return kept


@cache
def _defaults(cls: type[Model]) -> dict[str, Any]:
    """The default of each field, to compare with and never to hand out; None where there is none.

    Kept per class: pydantic inspects a factory's signature each time it is asked for a default.
    """
    return {name: _default_of(field) for name, field in cls.model_fields.items()}


def _default_of(field: FieldInfo) -> Any:
    if field.is_required() or field.default_factory_takes_validated_data:
        return None
    return field.get_default(call_default_factory=True)


@cache
def _dumped_fields(cls: type[Model]) -> tuple[tuple[str, str, bool], ...]:
    """Each field with its name on the wire, and whether its default is empty."""
    defaults = _defaults(cls)
    return tuple((name, alias_of(name, field), _is_empty(defaults[name])) for name, field in cls.model_fields.items())


def _without_empty_defaults(model: Model, dumped: dict[str, Any]) -> dict[str, Any]:
    for name, alias, empty in _dumped_fields(type(model)):
        if alias not in dumped:
            continue
        value = dumped[alias]
        if isinstance(value, (dict, list)):
            value = dumped[alias] = _walk(getattr(model, name), value, _without_empty_defaults)
        elif not isinstance(value, str):
            continue
        if empty and not value:
            del dumped[alias]
    for name, value in (model.model_extra or {}).items():
        if name in dumped:
            dumped[name] = _walk(value, dumped[name], _without_empty_defaults)
    return dumped


def _is_empty(default: Any) -> bool:
    if isinstance(default, Model):
        return not default.to_dict()
    return default is not None and isinstance(default, (dict, list, tuple, set, frozenset, str)) and not default


def _walk(value: Any, dumped: Any, prune: _Prune) -> Any:
    if not isinstance(dumped, (dict, list)):
        return dumped
    if isinstance(value, Model) and isinstance(dumped, dict):
        return prune(value, dumped)
    if isinstance(value, list) and value and isinstance(value[0], Model) and isinstance(dumped, list):
        return [_walk(item, part, prune) for item, part in zip(value, dumped, strict=True)]
    if value == dumped:
        # Plain JSON, such as fields that no class knows: comparing is ten times faster than walking it.
        return dumped
    if isinstance(value, (list, tuple)) and isinstance(dumped, list):
        return [_walk(item, part, prune) for item, part in zip(value, dumped, strict=True)]
    if isinstance(value, (set, frozenset)) and isinstance(dumped, list):
        # A set's own order differs from process to process.
        return sorted(dumped, key=str)
    if isinstance(value, dict) and isinstance(dumped, dict):
        # Keys that are not strings have changed on the way, their order has not.
        return {key: _walk(item, part, prune) for item, (key, part) in zip(value.values(), dumped.items(), strict=True)}
    return dumped
