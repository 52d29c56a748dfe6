"""A CustomResourceDefinition read from a document, with an error that names the field for what is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

API_VERSION = "apiextensions.k8s.io/v1"
KIND = "CustomResourceDefinition"


class CrdError(ValueError):
    """A document that is no CRD of which models can be made. The message names the document, the field and the fix."""


@dataclass(frozen=True, slots=True)
class Crd:
    """One version of one custom kind."""

    source: str
    """Where it came from, for messages."""
    group: str
    version: str
    kind: str
    plural: str
    singular: str
    list_kind: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    status: bool
    scale: Mapping[str, str] | None
    columns: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any]
    more: tuple[str, ...]
    """What the CRD says that a model has no words for."""


def read_crd(source: str, document: Mapping[str, Any], version: str | None = None) -> Crd:
    """Read one version of a CRD: the one named, else the stored one.

    Raises CrdError for another kind of object, for what the server would refuse, and for a version that is not there.
    """
    at = _At(source, document, "")
    for name, wanted in (("kind", KIND), ("apiVersion", API_VERSION)):
        if at.text(name) != wanted:
            raise at.error(name, f"is {at.text(name)!r}, must be {wanted}")
    spec = at.child("spec")
    names = spec.child("names")
    chosen = _version(spec, version)
    subresources = chosen.optional("subresources")
    root = chosen.child("schema").child("openAPIV3Schema")
    if root.value.get("type") != "object":
        raise root.error("type", "must be object")
    more = [f"{spec.path}.{key}" for key in ("conversion",) if spec.value.get(key, {}).get("strategy") == "Webhook"]
    more += [f"{chosen.path}.{key}" for key in ("selectableFields", "deprecationWarning") if chosen.value.get(key)]
    kind = names.text("kind")
    list_kind = str(names.value.get("listKind") or f"{kind}List")
    if list_kind != f"{kind}List":
        more.append(f"{names.path}.listKind")
    scope = spec.text("scope")
    if scope not in ("Namespaced", "Cluster"):
        raise spec.error("scope", f"is {scope!r}, must be Namespaced or Cluster")
    return Crd(
        source=source,
        group=spec.text("group"),
        version=chosen.text("name"),
        kind=kind,
        plural=names.text("plural"),
        singular=str(names.value.get("singular") or kind.lower()),
        list_kind=list_kind,
        namespaced=scope == "Namespaced",
        short_names=names.texts("shortNames"),
        categories=names.texts("categories"),
        status=subresources is not None and isinstance(subresources.value.get("status"), Mapping),
        scale=subresources.value.get("scale") if subresources is not None else None,
        columns=tuple(chosen.mappings("additionalPrinterColumns")),
        schema=root.value,
        more=tuple(more),
    )


@dataclass(frozen=True, slots=True)
class _At:
    """A mapping within the document, and where it is."""

    source: str
    value: Mapping[str, Any]
    path: str

    def error(self, name: str, problem: str) -> CrdError:
        return CrdError(f"{self.source}: {self.path}{'.' if self.path and name else ''}{name}: {problem}")

    def child(self, name: str) -> "_At":
        below = self.value.get(name)
        if not isinstance(below, Mapping):
            raise self.error(name, "is missing" if below is None else "must be a mapping")
        return _At(self.source, below, f"{self.path}.{name}" if self.path else name)

    def optional(self, name: str) -> "_At | None":
        return None if self.value.get(name) is None else self.child(name)

    def text(self, name: str) -> str:
        value = self.value.get(name)
        if not isinstance(value, str) or not value:
            raise self.error(name, "is missing" if value is None else f"must be a text, got {value!r}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.value.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(name, "must be a list of texts")
        return tuple(values)

    def mappings(self, name: str) -> Iterable[Mapping[str, Any]]:
        values = self.value.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
            raise self.error(name, "must be a list of mappings")
        return values


def _version(spec: _At, wanted: str | None) -> _At:
    versions = [
        _At(spec.source, value, f"{spec.path}.versions[{index}]")
        for index, value in enumerate(spec.mappings("versions"))
    ]
    if not versions:
        raise spec.error("versions", "is missing or empty")
    names = [version.text("name") for version in versions]
    if wanted is None:
        stored = [version for version in versions if version.value.get("storage") is True]
        return stored[0] if stored else versions[0]
    if wanted not in names:
        raise spec.error("versions", f"has no {wanted!r}, only {', '.join(names)}")
    return versions[names.index(wanted)]


_NUMBERS = ("maximum", "maxItems", "maxLength", "maxProperties", "minimum", "minItems", "minLength", "minProperties")
_EXPECTED: dict[str, tuple[type | tuple[type, ...], str]] = {
    "additionalProperties": ((bool, Mapping), "a schema or a boolean"),
    "description": (str, "a text"),
    "enum": (list, "a list"),
    "format": (str, "a text"),
    "items": (Mapping, "a schema"),
    "nullable": (bool, "a boolean"),
    "pattern": (str, "a text"),
    "properties": (Mapping, "a mapping"),
    "required": (list, "a list"),
    "x-kubernetes-validations": (list, "a list"),
    **dict.fromkeys((*_NUMBERS, "multipleOf"), ((int, float), "a number")),
}
_TYPES = ("array", "boolean", "integer", "number", "object", "string")


def schema_problem(schema: Any) -> tuple[str, str] | None:
    """Say what is wrong with one schema, not with those within: the key, and a sentence; None if nothing is."""
    if not isinstance(schema, Mapping):
        return "", f"must be a schema (a mapping), got {schema!r}"
    if "$ref" in schema:
        return "$ref", "a CRD has no references; write the schema out"
    if schema.get("type") not in (None, *_TYPES):
        return "type", f"is {schema['type']!r}, must be one of {', '.join(_TYPES)}"
    for key, (kind, words) in _EXPECTED.items():
        value = schema.get(key)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and words == "a number")):
            return key, f"must be {words}, got {value!r}"
    for rule in schema.get("x-kubernetes-validations") or ():
        if not isinstance(rule, Mapping) or not isinstance(rule.get("rule"), str):
            return "x-kubernetes-validations", f"each must be a mapping with a rule, got {rule!r}"
    return None
