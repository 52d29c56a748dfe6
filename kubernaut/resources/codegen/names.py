"""What a generated field or class is called: the API's names as Python identifiers that mean no trouble."""

import keyword
import re
from collections.abc import Iterable

from kubernaut.resources.model import Model
from kubernaut.resources.naming import to_camel
from kubernaut.resources.resource import Resource

_PLURAL_INITIALISM = re.compile(r"([A-Z]{2,})s(?=[A-Z]|\b|_)")
_API_VERSION = re.compile(r"(?<=[A-Z])(V\d+)")
_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_LOWER_THEN_UPPER = re.compile(r"([a-z0-9])([A-Z])")
_NOT_A_WORD = re.compile(r"[^0-9A-Za-z]+")

# A field of such a name would hide the type of the fields after it.
_TYPES = frozenset({"bool", "bytes", "dict", "float", "int", "list", "object", "set", "str", "tuple"})


def snake_case(name: str) -> str:
    """Give the words of an API name in snake case: `podIPs` is `pod_ips`, `openAPIV3Schema` is `open_api_v3_schema`."""
    text = _NOT_A_WORD.sub("_", name)
    text = _PLURAL_INITIALISM.sub(lambda match: match[1].capitalize() + "s", text)
    text = _API_VERSION.sub(r"_\1", text)
    text = _ACRONYM_THEN_WORD.sub(r"\1_\2", text)
    text = _LOWER_THEN_UPPER.sub(r"\1_\2", text)
    return re.sub(r"_+", "_", text).strip("_").lower()


def field_names(wire: Iterable[str], *, resource: bool = False) -> dict[str, str]:
    """Give each property of one object its Python name, all different.

    A name that Python keeps for itself, or that would hide a type or something of the model's own, ends in an
    underscore; one that starts with a digit gets `n` before it; equal ones are numbered in the order given.
    `resource` says that the class is a Resource, which has more names of its own.
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for name in wire:
        base = identifier(name, resource=resource)
        python, number = base, 2
        while python in taken:
            python, number = f"{base.rstrip('_')}_{number}", number + 1
        taken.add(python)
        names[name] = python
    return names


def identifier(name: str, *, resource: bool = False) -> str:
    """Give the Python name of one property, without regard to others."""
    python = snake_case(name) or "empty"
    if python[0].isdigit():
        python = f"n{python}"
    if not _is_free(python, resource):
        python += "_"
    return python


def _is_free(python: str, resource: bool) -> bool:
    if keyword.iskeyword(python) or python in _TYPES or python.startswith("model_"):
        return False
    return not hasattr(Resource if resource else Model, python)


def needs_alias(python: str, wire: str) -> bool:
    """Say whether a model would write this field by another name than `wire` if it were not told."""
    return to_camel(python) != wire


def camel(name: str) -> str:
    """Give an API name as part of a class name: `issuerRef` is `IssuerRef`, `tls-config` is `TlsConfig`."""
    words = [word for word in _NOT_A_WORD.split(name) if word]
    text = "".join(word[0].upper() + word[1:] for word in words) or "Empty"
    return f"N{text}" if text[0].isdigit() else text


def singular(name: str) -> str:
    """Give the name of one item of a list: `endpoints` is `endpoint`, `policies` is `policy`."""
    lower = name.lower()
    if lower.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    if lower.endswith(("sses", "shes", "ches", "xes", "zes")):
        return name[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        return name[:-1]
    return name
