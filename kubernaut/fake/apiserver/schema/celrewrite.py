"""Expressions of CRD rules fitted to the engine: members checked against the schema, times given their types."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from kubernaut.fake.apiserver.schema.celengine import CelCompileError
from kubernaut.fake.apiserver.schema.celtext import outside_strings, without_strings

_CHAIN: Final = re.compile(r"(?<![\w.?])(self|oldSelf)((?:\.[A-Za-z_]\w*(?![\w(]))*)(?!\w)")
_HAS: Final = re.compile(r"\bhas\(\s*$")
_RESERVED: Final = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_SCALARS: Final = {"string": "string", "integer": "int", "number": "double", "boolean": "bool"}
_ESCAPES: Final = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_IDENTIFIER: Final = re.compile(r"^[A-Za-z_]\w*$")
_METADATA: Final = {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}}


@lru_cache(maxsize=4096)
def escape(name: str) -> str:
    """The name by which a property is reached in CEL; "" if it cannot be."""
    if name in _RESERVED:
        return f"__{name}__"
    if re.search(r"__|[.\-/]", name):
        name = re.sub(r"__|[.\-/]", lambda found: dict(_ESCAPES)[found[0]], name)
    return name if _IDENTIFIER.match(name) else ""


def with_metadata(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a resource root as rules see it: apiVersion, kind and the two names are always there."""
    text = {"type": "string"}
    known = {"apiVersion": text, "kind": text, "metadata": _METADATA}
    return {**schema, "type": "object", "properties": {**(schema.get("properties") or {}), **known}}


def cel_type(schema: dict[str, Any]) -> str:
    """The CEL type of values of `schema`: members of objects are dynamic, scalars are typed."""
    if schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields"):
        return "dyn"
    kind = schema.get("type")
    if kind == "object":
        return "map<string,dyn>"
    if kind == "array":
        return "list<dyn>"
    return _SCALARS.get(kind or "", "dyn")


def to_cel(value: Any, schema: dict[str, Any] | None) -> Any:
    """`value` as rules see it: properties by their escaped names, numbers as doubles."""
    schema = schema or {}
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        below = additional if isinstance(additional, dict) else None
        return {
            (escape(key) or key) if key in properties else key: to_cel(member, properties.get(key, below))
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [to_cel(item, schema.get("items")) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and schema.get("type") == "number":
        return float(value)
    return value


def uses_old_self(expression: str) -> bool:
    """Whether the expression is a transition rule."""
    return re.search(r"(?<![\w.])oldSelf\b", without_strings(expression)) is not None


def fit(expression: str, schema: dict[str, Any]) -> str:
    """`expression` with members of date and duration formats converted to their CEL types.

    The engine takes times only as variables of their own, not inside maps, so `self.when` becomes
    `timestamp(self.when)`. Raises CelCompileError for members that the schema does not have.
    """

    def change(text: str) -> str:
        return _CHAIN.sub(lambda found: _fit_chain(found, text, schema), text)

    return outside_strings(expression, change)


def _fit_chain(found: re.Match[str], text: str, schema: dict[str, Any]) -> str:
    chain = found[0]
    current: dict[str, Any] | None = schema
    for name in found[2].split(".")[1:]:
        current = _member(current, name)
        if current is None:
            return chain
    if _HAS.search(text[: found.start()]):
        return chain
    kind = (current or {}).get("format", "") if (current or {}).get("type") == "string" else ""
    return {
        "date-time": f"timestamp({chain})",
        "datetime": f"timestamp({chain})",
        "date": f"timestamp({chain} + 'T00:00:00Z')",
        "duration": f"duration({chain})",
    }.get(kind, chain)


def _member(schema: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    """The schema of member `name`; None when nothing is known of it; raises CelCompileError when it cannot exist."""
    if schema is None or cel_type(schema) == "dyn" or schema.get("type") == "array":
        return None
    for key, below in (schema.get("properties") or {}).items():
        if escape(key) == name:
            found: dict[str, Any] = below
            return found
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return additional
    raise CelCompileError(f"compilation failed: ERROR: <input>: undefined field '{name}'")
