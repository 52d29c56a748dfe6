"""Classes for the definitions of an OpenAPI document, one for each, placed in modules."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubernaut.resources.codegen.names import field_names, needs_alias
from kubernaut.resources.codegen.source import (
    Call,
    ClassSource,
    Expression,
    FieldSource,
    ModuleSource,
    literal,
    ordered,
    text,
)

Schema = Mapping[str, Any]

_REF = "#/$defs/"
_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})
_SCALARS = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}
_ZERO = {"int": "0", "bool": "False", "str": '""'}
_LISTS = "kubernaut.resources.builtin.collections"
_MODEL = "kubernaut.resources.model"
_SENTENCE = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)\.(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Known:
    """A type that a definition is written as: an expression, and what it imports."""

    annotation: str
    module: str = ""
    names: tuple[str, ...] = ()
    scalar: bool = True
    maybe_null: bool = False
    """The server writes null where there is no value, whatever the definition says."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the definitions do not say. Keys are definition names; pairs add the name of a property."""

    known: Mapping[str, Known]
    kinds: Mapping[str, Mapping[str, Expression]]
    """The class keywords of each definition that is a kind."""
    module_of: Callable[[str], str]
    bases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Module and name of a class written by hand, whose fields the generated one inherits."""
    inherited: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The properties that such a base has, by the base's name."""
    defaults: Mapping[tuple[str, str], object] = field(default_factory=dict)
    present: frozenset[tuple[str, str]] = frozenset()
    """Optional objects that are there (empty) all the same."""
    given: frozenset[tuple[str, str]] = frozenset()
    """Required lists that must be given, rather than be empty by default."""
    status_only: frozenset[str] = frozenset()
    """Definitions that only a status holds: their required numbers and booleans are zero by default, as in Go."""


@dataclass(frozen=True, slots=True)
class _Type:
    annotation: str
    nature: str
    """`scalar`, `time`, `json`, `any`, `list`, `dict`, or `object`."""
    target: str = ""


class OpenApiModels:
    """Writes the class of each definition. Modules are made by `modules`."""

    def __init__(self, definitions: Mapping[str, Schema], tables: Tables) -> None:
        self._definitions = definitions
        self._tables = tables
        self._bare: dict[str, bool] = {}

    def modules(self, names: Iterable[str], doc: Callable[[str], str]) -> dict[str, ModuleSource]:
        """Give the modules that hold the classes of these definitions, by module name; `doc` gives their docstrings."""
        modules: dict[str, ModuleSource] = {}
        classes: dict[str, list[ClassSource]] = {}
        for name in sorted(names):
            place = self._tables.module_of(name)
            module = modules.setdefault(place, ModuleSource(doc(place), exports=True))
            classes.setdefault(place, []).append(self._class(name, place, module))
        for place, module in modules.items():
            module.classes = ordered(classes[place])
        return modules

    def needed(self, kinds: Iterable[str]) -> set[str]:
        """Give all definitions that these use and for which a class is to be written, themselves included."""
        found: set[str] = set()
        waiting = list(kinds)
        while waiting:
            name = waiting.pop()
            if name in found or name in self._tables.known:
                continue
            found.add(name)
            waiting += references(self._definitions[name])
        return found

    def _class(self, name: str, place: str, module: ModuleSource) -> ClassSource:
        definition = self._definitions[name]
        keywords = self._tables.kinds.get(name)
        base_module, base = self._tables.bases.get(
            name, ("kubernaut.resources.resource", "Resource") if keywords is not None else (_MODEL, "PartialModel")
        )
        module.use(base_module, base)
        # The descriptions are Kubernetes' own words: the API reference is the place to read them.
        made = ClassSource(class_name(name), base)
        made.keywords = dict(keywords or {})
        if any(isinstance(value, Call) and value.opening.startswith("ScaleSub") for value in made.keywords.values()):
            module.use("kubernaut.resources.types", "ScaleSubresource")
        inherited = self._tables.inherited.get(base, frozenset())
        properties = {
            wire: schema
            for wire, schema in definition.get("properties", {}).items()
            if wire not in inherited and not (keywords is not None and wire in _IDENTITY)
        }
        pythons = field_names(properties, resource=keywords is not None)
        for wire, schema in properties.items():
            made.fields.append(self._field(name, wire, pythons[wire], schema, made, place, module))
        made.fields.sort(key=lambda each: each.value is not None)
        return made

    def _field(
        self, owner: str, wire: str, python: str, schema: Schema, made: ClassSource, place: str, module: ModuleSource
    ) -> FieldSource:
        kind = self._type(schema, owner, place, made, module)
        required = wire in self._definitions[owner].get("required", ())
        annotation, value = self._default(owner, wire, kind, required, owner in self._tables.kinds)
        if needs_alias(python, wire):
            alias = f"alias={text(wire)}"
            if value is None:
                value = Call("Field(", (alias,))
            elif isinstance(value, Call):
                value = Call("Field(", (*value.items, alias))
            else:
                value = Call("Field(", (f"default={value}", alias))
        if isinstance(value, Call):
            module.use("pydantic", "Field")
        if re.search(rf"\b{made.name}\b", annotation):
            # The class does not exist yet where its own field is declared.
            annotation = f'"{annotation}"'
        return FieldSource(python, annotation, value)

    def _default(
        self, owner: str, wire: str, kind: _Type, required: bool, is_kind: bool
    ) -> tuple[str, Expression | None]:
        key = (owner, wire)
        optional = f"{kind.annotation} | None"
        if key in self._tables.defaults:
            default = literal(self._tables.defaults[key])
            return kind.annotation, default
        if kind.nature in ("list", "dict"):
            if required and key in self._tables.given:
                return kind.annotation, None
            return kind.annotation, Call("Field(", (f"default_factory={kind.nature}",))
        if kind.nature == "any":
            return kind.annotation, "None"
        if kind.nature == "time":
            return optional, "None"
        if kind.nature == "object":
            wanted = required or key in self._tables.present or _is_main_part(wire, kind.target, is_kind)
            if wanted and self._constructible(kind.target):
                return kind.annotation, Call("Field(", (f"default_factory={kind.annotation}",))
            return (kind.annotation, None) if required else (optional, "None")
        if not required:
            return optional, "None"
        zero = owner in self._tables.status_only and kind.annotation in ("int", "bool")
        return kind.annotation, _ZERO[kind.annotation] if zero else None

    def _constructible(self, name: str) -> bool:
        """Whether the class can be made without a single argument."""
        if name in self._tables.known or name in self._bare:
            return self._bare.get(name, True)
        self._bare[name] = False
        definition = self._definitions[name]
        self._bare[name] = all(
            self._has_default(name, wire, definition["properties"][wire]) for wire in definition.get("required", ())
        )
        return self._bare[name]

    def _has_default(self, owner: str, wire: str, schema: Schema) -> bool:
        scratch = ModuleSource("")
        kind = self._type(schema, owner, "", ClassSource("", ""), scratch)
        return self._default(owner, wire, kind, True, False)[1] is not None

    def _type(self, schema: Schema, owner: str, place: str, made: ClassSource, module: ModuleSource) -> _Type:
        if "$ref" in schema:
            return self._named(str(schema["$ref"]).removeprefix(_REF), place, made, module)
        types = schema.get("type")
        kind = types if isinstance(types, str) else next((each for each in types or () if each != "null"), None)
        if kind == "array":
            item = self._type(schema.get("items", {}), owner, place, made, module)
            module.use(_LISTS, "ListOf")
            return _Type(f"ListOf[{item.annotation}]", "list", item.target)
        if kind == "object":
            values = schema.get("additionalProperties")
            if not isinstance(values, Mapping):
                module.use("kubernaut.resources.scalars", "JsonObject")
                return _Type("JsonObject", "json")
            value = self._type(values, owner, place, made, module)
            module.use(_LISTS, "MapOf")
            return _Type(f"MapOf[{value.annotation}]", "dict", value.target)
        if kind in _SCALARS:
            return _Type(_SCALARS[kind], "scalar")
        module.use("typing", "Any")
        return _Type("Any", "any")

    def _named(self, name: str, place: str, made: ClassSource, module: ModuleSource) -> _Type:
        known = self._tables.known.get(name)
        if known is None:
            own = class_name(name)
            elsewhere = self._tables.module_of(name)
            if place and elsewhere != place:
                module.use(elsewhere, own)
            else:
                made.uses.add(own)
            return _Type(own, "object", name)
        if known.module:
            module.use(known.module, *known.names)
        if known.maybe_null:
            return _Type(known.annotation, "time")
        if known.annotation == "Any":
            return _Type("Any", "any")
        if known.annotation == "JsonObject":
            return _Type("JsonObject", "json")
        return _Type(known.annotation, "scalar" if known.scalar else "object", name)


def _is_main_part(wire: str, target: str, is_kind: bool) -> bool:
    """Whether an object is always worth a place to write to, even where the API may leave it out."""
    if wire == "metadata" or (is_kind and wire in ("spec", "status")):
        return True
    return wire in ("spec", "template") and target.endswith("Spec")


def class_name(definition: str) -> str:
    """Give the class name of a definition: the last part of its name."""
    return definition.rpartition(".")[2]


def references(schema: object) -> Iterator[str]:
    """Give the names of the definitions that a schema refers to, in order, with repetitions."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_REF)
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)
