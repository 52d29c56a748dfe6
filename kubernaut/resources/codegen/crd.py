"""A Python module of models for CRDs: one Resource class for each, and a Model class for each object within."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernaut.resources.codegen.classnames import Path, class_names
from kubernaut.resources.codegen.crdinput import Crd, CrdError, schema_problem
from kubernaut.resources.codegen.crdtypes import FACTORY, Typed, TypeWriter, arguments
from kubernaut.resources.codegen.names import camel, field_names, needs_alias
from kubernaut.resources.codegen.source import (
    Call,
    ClassSource,
    Expression,
    FieldSource,
    Item,
    ModuleSource,
    Named,
    Text,
    literal,
    ordered,
)
from kubernaut.resources.naming import pluralise
from kubernaut.resources.structural import PRESERVE

PUBLIC = "kubernaut.resources"
# Names a generated module may import, which therefore no class of it can have.
RESERVED = frozenset(
    {"Annotated", "Any", "Duration", "Field", "Int32", "Int64", "IntOrString", "JsonObject", "Literal", "Model"}
    | {"PartialModel", "PrinterColumn", "Quantity", "Resource", "Rule", "ScaleSubresource", "Time"}
)
_IDENTITY = ("apiVersion", "kind", "metadata")
_LOGIC = ("allOf", "anyOf", "not", "oneOf")
_RULES = "x-kubernetes-validations"
_RULE_KEYS = {
    "rule": "rule",
    "message": "message",
    "messageExpression": "message_expression",
    "reason": "reason",
    "fieldPath": "field_path",
    "optionalOldSelf": "optional_old_self",
}
_COLUMN_KEYS = {
    "name": "name",
    "jsonPath": "json_path",
    "type": "type",
    "description": "description",
    "format": "format",
    "priority": "priority",
}
_SCALE_KEYS = {
    "specReplicasPath": ("spec_replicas_path", ".spec.replicas"),
    "statusReplicasPath": ("status_replicas_path", ".status.replicas"),
    "labelSelectorPath": ("label_selector_path", None),
}


@dataclass(frozen=True, slots=True)
class CrdModels:
    """The text of a module, and what of the CRDs it could not say: the CRD's source and the path of each."""

    text: str
    notes: tuple[str, ...]


def models_for(crds: Sequence[Crd]) -> CrdModels:
    """Write the models of these CRDs as one module.

    Raises CrdError for two of the same group, version and kind, and for a schema that is not one.
    """
    module = ModuleSource(_about(crds), exports=True)
    classes: list[ClassSource] = []
    notes: list[str] = []
    seen: dict[tuple[str, str, str], str] = {}
    for crd in crds:
        key = (crd.group, crd.version, crd.kind)
        if key in seen:
            raise CrdError(f"{crd.source}: {crd.kind} of {crd.group}/{crd.version} is in {seen[key]} already")
        seen[key] = crd.source
        writer = _CrdWriter(crd, module, {*(each.name for each in classes), *(name for name, _ in module.constants)})
        classes += ordered(writer.classes())
        notes += writer.notes
    module.classes = classes
    return CrdModels(module.render(), tuple(notes))


def _about(crds: Sequence[Crd]) -> str:
    kinds = [f"{crd.kind} ({crd.group}/{crd.version})" for crd in crds]
    return f"Models of {', '.join(kinds)}, written by `kubernaut models`."


class _CrdWriter:
    """Writes the classes of one CRD; `taken` are the names of classes that the module has already."""

    def __init__(self, crd: Crd, module: ModuleSource, taken: Iterable[str]) -> None:
        self._crd = crd
        self._module = module
        taken = {*taken, *RESERVED}
        kind = camel(crd.kind)
        if kind in taken:
            kind = next(name for name in (f"{kind}Object", camel(crd.group) + kind) if name not in taken)
        self._kind = kind
        self._schemas = dict(_walk(crd, crd.schema))
        objects = {path: schema for path, schema in self._schemas.items() if _is_class(path, schema)}
        others = {path: schema for path, schema in self._schemas.items() if path and path not in objects}
        self._names = class_names(kind, objects, {*taken, kind})
        aliases = class_names(kind, others, {*taken, kind, *self._names.values()})
        self._types = TypeWriter(module, self._note, self._names, aliases)
        self._rules: list[Expression] = []
        self.notes = [f"{crd.source}: {what}: has no place in a model" for what in crd.more]

    def classes(self) -> list[ClassSource]:
        """The classes, in no order."""
        made: dict[str, ClassSource] = {}
        for path, name in self._names.items():
            if name not in made:
                made[name] = self._part(name, path, self._schemas[path])
        return [*made.values(), self._resource()]

    def _note(self, path: Path, what: str) -> None:
        self.notes.append(f"{self._crd.source}: {_dotted(path) or 'the object itself'}: {what}")

    def _part(self, name: str, path: Path, schema: Mapping[str, Any]) -> ClassSource:
        base = "PartialModel" if schema.get(PRESERVE) else "Model"
        self._module.use(PUBLIC, base)
        made = ClassSource(name, base, str(schema.get("description") or ""))
        self._fill(made, path, schema)
        return made

    def _resource(self) -> ClassSource:
        crd = self._crd
        self._module.use(PUBLIC, "Resource")
        made = ClassSource(self._kind, "Resource", str(crd.schema.get("description") or f"A {crd.kind}."))
        for path, schema in self._schemas.items():
            self._gather_rules(path, schema)
            self._tell_logic(path, schema)
        if crd.schema.get(PRESERVE):
            self._note((), "keeps unknown fields; so does the model, but a CRD made from it does not say so")
        if crd.schema.get("properties", {}).get("metadata", {}).get("properties"):
            self._note(("metadata",), "the rules for metadata are left out")
        self._fill(made, (), {key: value for key, value in crd.schema.items() if key != "additionalProperties"})
        made.keywords = self._keywords()
        return made

    def _fill(self, made: ClassSource, path: Path, schema: Mapping[str, Any]) -> None:
        root = not path
        properties = {
            wire: part for wire, part in schema.get("properties", {}).items() if not (root and wire in _IDENTITY)
        }
        pythons = field_names(properties, resource=root)
        required = schema.get("required") or ()
        for wire, part in properties.items():
            typed = self._types.typed((*path, wire), part)
            made.uses |= typed.uses
            made.fields.append(self._field(pythons[wire], wire, part, typed, wire in required, root))
        made.fields.sort(key=lambda each: each.value is not None)

    def _field(
        self, python: str, wire: str, schema: Mapping[str, Any], typed: Typed, required: bool, root: bool
    ) -> FieldSource:
        nullable = bool(schema.get("nullable"))
        default, annotation = self._types.default(schema, typed), typed.annotation
        if nullable:
            typed.extra["nullable"] = True
        if default is None and root and wire in ("spec", "status") and not required and self._bare(schema):
            default = Named("default_factory=", annotation)
        if default is None and (not required or nullable):
            default = Named("default=", "None")
        if (nullable or (default is not None and default.value == "None")) and annotation != "Any":
            annotation = f"{annotation} | None"
        items: list[Item] = list(arguments(typed))
        if needs_alias(python, wire):
            items.append(Named("alias=", Text(wire)))
        if default is not None and default.name == FACTORY:
            items.append("validate_default=True")
        value: Expression | None
        if default is not None and not items and default.name == "default=":
            value = default.value
        elif default is None and not items:
            value = None
        else:
            self._module.use("pydantic", "Field")
            value = Call("Field(", (*([default] if default is not None else []), *items))
        return FieldSource(python, annotation, value, typed.doc)

    def _bare(self, schema: Mapping[str, Any]) -> bool:
        """Whether the class of this object can be made without arguments, and has nothing to say then."""
        if "properties" not in schema:
            return False
        return not schema.get("required") and not any("default" in part for _, part in _parts((), schema))

    def _gather_rules(self, path: Path, schema: Mapping[str, Any]) -> None:
        for rule in schema.get(_RULES) or ():
            at = _dotted(path)
            if any(set(step) & set(".[]{}") for step in path if step not in ("[]", "{}")):
                self._note(path, "a rule at a field of such a name cannot be bound; it is left out")
                continue
            self._module.use(PUBLIC, "Rule")
            items: list[Item] = [Text(str(rule["rule"]))]
            for key, keyword in _RULE_KEYS.items():
                if key != "rule" and rule.get(key):
                    items.append(Named(f"{keyword}=", literal(rule[key])))
            if at:
                items.append(Named("at=", Text(at)))
            self._rules.append(Call("Rule(", tuple(items)))

    def _tell_logic(self, path: Path, schema: Mapping[str, Any]) -> None:
        for key in _LOGIC:
            if key in schema and not (key == "anyOf" and schema.get("x-kubernetes-int-or-string")):
                self._note(path, f"{key} is left out; the server checks it")

    def _keywords(self) -> dict[str, Expression]:
        crd = self._crd
        made: dict[str, Expression] = {"group": Text(crd.group), "version": Text(crd.version)}
        if self._kind != crd.kind:
            made["kind"] = Text(crd.kind)
        if crd.plural != pluralise(crd.kind):
            made["plural"] = Text(crd.plural)
        if crd.singular != crd.kind.lower():
            made["singular"] = Text(crd.singular)
        if not crd.namespaced:
            made["scope"] = Text("Cluster")
        for name, values in (("short_names", crd.short_names), ("categories", crd.categories)):
            if values:
                made[name] = _tuple([Text(value) for value in values])
        if crd.status:
            made["status_subresource"] = "True"
        if crd.scale is not None:
            made["scale_subresource"] = self._scale(crd.scale)
        if crd.columns:
            self._module.use(PUBLIC, "PrinterColumn")
            made["printer_columns"] = _tuple([_column(column) for column in crd.columns])
        if self._rules:
            made["rules"] = _tuple(self._rules)
        made["crd"] = "False"
        return made

    def _scale(self, scale: Mapping[str, str]) -> Expression:
        given = [
            Named(f"{name}=", Text(scale[key]))
            for key, (name, default) in _SCALE_KEYS.items()
            if scale.get(key) and scale[key] != default
        ]
        if not given:
            return "True"
        self._module.use(PUBLIC, "ScaleSubresource")
        return Call("ScaleSubresource(", tuple(given))


def _column(column: Mapping[str, Any]) -> Expression:
    items: list[Item] = [Text(str(column.get("name", ""))), Text(str(column.get("jsonPath", "")))]
    for key, name in _COLUMN_KEYS.items():
        value = column.get(key)
        if key not in ("name", "jsonPath") and value and (key, value) != ("type", "string"):
            items.append(Named(f"{name}=", literal(value)))
    return Call("PrinterColumn(", tuple(items))


def _tuple(items: Sequence[Expression]) -> Expression:
    return Call("(", tuple(items), ",)" if len(items) == 1 else ")")


def _dotted(path: Path) -> str:
    return "".join(step if step in ("[]", "{}") else f".{step}" for step in path).lstrip(".")


def _is_class(path: Path, schema: Mapping[str, Any]) -> bool:
    if not path or path[0] in _IDENTITY or schema.get("type") != "object":
        return False
    if "properties" in schema:
        return True
    return "additionalProperties" not in schema and not schema.get(PRESERVE) and not schema.get(EMBEDDED)


EMBEDDED = "x-kubernetes-embedded-resource"


def _walk(crd: Crd, schema: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every schema within, itself first. Raises CrdError where there is something else in place of a schema."""
    for path, part in _parts((), schema):
        problem = schema_problem(part)
        if problem is not None:
            key, what = problem
            where = ".".join(filter(None, (_dotted(path), key)))
            raise CrdError(f"{crd.source}: {crd.kind} {crd.version}, schema of {where or 'the object'}: {what}")
        yield path, part


def _parts(path: Path, schema: Any) -> Iterator[tuple[Path, Any]]:
    yield path, schema
    if not isinstance(schema, Mapping):
        return
    for wire, part in _mapping(schema.get("properties")).items():
        if path or wire not in _IDENTITY:
            yield from _parts((*path, wire), part)
    if "items" in schema:
        yield from _parts((*path, "[]"), schema["items"])
    values = schema.get("additionalProperties")
    if values is not None and not isinstance(values, bool):
        yield from _parts((*path, "{}"), values)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
