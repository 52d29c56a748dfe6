"""What one schema of a CRD is in Python: its type, what it demands, and its default."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from kubernaut.resources.codegen.classnames import Path
from kubernaut.resources.codegen.source import Call, Expression, Item, ModuleSource, Named, Text, literal
from kubernaut.resources.scalars import QUANTITY_PATTERN, parse_duration
from kubernaut.resources.structural import INT_OR_STRING, PRESERVE

_PUBLIC = "kubernaut.resources"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
# The constraint's name in pydantic, and the types of schema for which pydantic checks it.
_CONSTRAINTS = {
    "minimum": ("ge", ("integer", "number")),
    "maximum": ("le", ("integer", "number")),
    "multipleOf": ("multiple_of", ("integer", "number")),
    "minLength": ("min_length", ("string",)),
    "maxLength": ("max_length", ("string",)),
    "pattern": ("pattern", ("string",)),
    "minItems": ("min_length", ("array",)),
    "maxItems": ("max_length", ("array",)),
    "minProperties": ("min_length", ("map",)),
    "maxProperties": ("max_length", ("map",)),
}
_EXCLUSIVE = {"minimum": ("exclusiveMinimum", "gt"), "maximum": ("exclusiveMaximum", "lt")}
_SAID_ELSEWHERE = frozenset({INT_OR_STRING, PRESERVE, "x-kubernetes-validations"})
FACTORY = "default_factory=lambda: "
"""What makes JSON, which the field has yet to validate."""
_LONG = 60
_INTEGERS = {"int32": "Int32", "int64": "Int64"}


@dataclass(slots=True)
class Typed:
    """A type with what its field says beyond it: `constraints` of pydantic, `extra` words of the schema alone."""

    annotation: str
    constraints: dict[str, Expression] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    doc: str = ""


def arguments(typed: Typed) -> Iterator[Item]:
    """The arguments of `Field(...)` for what a type says beyond itself."""
    for name, value in typed.constraints.items():
        yield Named(f"{name}=", value)
    if typed.extra:
        yield Named("json_schema_extra=", literal(typed.extra))


class TypeWriter:
    """Writes types; `names` has the class of each object, `aliases` a name for any other place, if one is needed.

    `note` is told what cannot be said.
    """

    def __init__(
        self,
        module: ModuleSource,
        note: Callable[[Path, str], None],
        names: Mapping[Path, str],
        aliases: Mapping[Path, str],
    ) -> None:
        self._module = module
        self._note = note
        self._names = names
        self._aliases = aliases

    def typed(self, path: Path, schema: Mapping[str, Any]) -> Typed:
        """The type of the value at a place."""
        typed = self._type(path, schema)
        if path not in self._names:
            typed.doc = str(schema.get("description") or "")
        for key, value in schema.items():
            if key.startswith("x-kubernetes-") and key not in _SAID_ELSEWHERE:
                typed.extra[key] = value
        return typed

    def default(self, schema: Mapping[str, Any], typed: Typed) -> Named | None:
        """The argument of `Field` for the default: `default=` or `default_factory=`; None where there is none.

        What is no constant of the type in Python is put in `typed.extra`, for the schema alone.
        """
        value = schema.get("default")
        if value is None:
            return None
        annotation = typed.annotation
        if isinstance(value, (dict, list)):
            return self._structure(value, annotation)
        if annotation == "Quantity":
            return Named("default=", Text(str(value)))
        if annotation == "Duration":
            try:
                parse_duration(str(value))
            except ValueError:
                typed.extra["default"] = value
                return None
            self._module.use(_PUBLIC, "parse_duration")
            return Named("default=", Call("parse_duration(", (Text(str(value)),)))
        if annotation == "Time":
            typed.extra["default"] = value
            return None
        return Named("default=", literal(value))

    def _structure(self, value: dict[str, Any] | list[Any], annotation: str) -> Named:
        if not value and annotation in self._names.values():
            return Named("default_factory=", annotation)
        if not value:
            return Named("default_factory=", "dict" if isinstance(value, dict) else "list")
        return Named(FACTORY, literal(value))

    def _type(self, path: Path, schema: Mapping[str, Any]) -> Typed:
        if schema.get(INT_OR_STRING):
            return self._int_or_string(schema)
        kind = schema.get("type")
        if kind == "object":
            return self._object(path, schema)
        if kind == "array":
            item = self._inner((*path, "[]"), schema.get("items") or {})
            typed = Typed(f"list[{item.annotation}]", uses=item.uses)
            return self._constrained(typed, schema, "array")
        if kind in _PLAIN:
            return self._scalar(path, schema, str(kind))
        self._module.use("typing", "Any")
        return Typed("Any")

    def _inner(self, path: Path, schema: Mapping[str, Any]) -> Typed:
        """The type of an item or value, with what it says beyond its type in an `Annotated`."""
        typed = self.typed(path, schema)
        annotation = typed.annotation
        if schema.get("nullable"):
            typed.extra["nullable"] = True
            annotation = f"{annotation} | None"
        if "default" in schema:
            typed.extra["default"] = schema["default"]
        said = tuple(arguments(typed))
        if said:
            self._module.use("typing", "Annotated")
            self._module.use("pydantic", "Field")
            annotation = self._alias(path, Call("Annotated[", (annotation, Call("Field(", said)), "]"))
        return Typed(annotation, uses=typed.uses)

    def _int_or_string(self, schema: Mapping[str, Any]) -> Typed:
        name = "Quantity" if schema.get("pattern") == QUANTITY_PATTERN else "IntOrString"
        self._module.use(_PUBLIC, name)
        extra = {key: schema[key] for key in (*_CONSTRAINTS, "enum", "format") if key in schema}
        if name == "Quantity":
            del extra["pattern"]
        return Typed(name, extra=extra)

    def _object(self, path: Path, schema: Mapping[str, Any]) -> Typed:
        name = self._names.get(path)
        if name is not None:
            extra = {key: schema[key] for key in ("minProperties", "maxProperties") if key in schema}
            return Typed(name, extra=extra, uses={name})
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and values:
            value = self._inner((*path, "{}"), values)
            return self._constrained(Typed(f"dict[str, {value.annotation}]", uses=value.uses), schema, "map")
        self._module.use(_PUBLIC, "JsonObject")
        return self._constrained(Typed("JsonObject"), schema, "map")

    def _scalar(self, path: Path, schema: Mapping[str, Any], kind: str) -> Typed:
        form = schema.get("format")
        values = [value for value in schema.get("enum") or () if value is not None]
        if values and kind != "number":
            self._module.use("typing", "Literal")
            typed = Typed(self._alias(path, Call("Literal[", tuple(literal(value) for value in values), "]")))
            return self._constrained(typed, schema, "")
        if kind == "string" and form in ("date-time", "duration"):
            name = "Time" if form == "date-time" else "Duration"
            self._module.use(_PUBLIC, name)
            return self._constrained(Typed(name), {**schema, "format": None}, "")
        typed = Typed(_PLAIN[kind])
        if values:
            typed.extra["enum"] = values
        if kind == "integer" and form in _INTEGERS:
            typed.annotation = self._integer(str(form))
            schema = {**schema, "format": None}
        pattern = schema.get("pattern")
        if pattern is not None and not _compiles(str(pattern)):
            typed.extra["pattern"] = pattern
            self._note(path, "the model does not check the pattern, which Python's engine cannot read")
            schema = {key: value for key, value in schema.items() if key != "pattern"}
        return self._constrained(typed, schema, kind)

    def _integer(self, form: str) -> str:
        name = _INTEGERS[form]
        self._module.use("typing", "Annotated")
        self._module.use("pydantic", "Field")
        said = Call("Field(", (Named("json_schema_extra=", literal({"format": form})),))
        self._module.constant(name, Call("Annotated[", ("int", said), "]"))
        return name

    def _alias(self, path: Path, annotation: Call) -> str:
        """The annotation itself, or if it is long a name for it."""
        flat = annotation.flat()
        if len(flat) <= _LONG or path not in self._aliases:
            return flat
        self._module.constant(self._aliases[path], annotation)
        return self._aliases[path]

    def _constrained(self, typed: Typed, schema: Mapping[str, Any], checked: str) -> Typed:
        """Add the constraints that pydantic checks for such a type; others go in the schema alone."""
        for key, (name, kinds) in _CONSTRAINTS.items():
            value = schema.get(key)
            if value is None:
                continue
            exclusive, strict = _EXCLUSIVE.get(key, ("", ""))
            if checked not in kinds:
                typed.extra[key] = value
                if schema.get(exclusive):
                    typed.extra[exclusive] = True
                continue
            typed.constraints[strict if schema.get(exclusive) else name] = _number(value, checked)
        if schema.get("format"):
            typed.extra["format"] = schema["format"]
        return typed


def _number(value: Any, kind: str) -> Expression:
    if isinstance(value, str):
        return Text(value)
    return repr(int(value)) if kind == "integer" and isinstance(value, float) and value.is_integer() else repr(value)


def _compiles(pattern: str) -> bool:
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:
        return False
    return True
