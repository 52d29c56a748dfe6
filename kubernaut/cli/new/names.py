"""The names of a new project: checked before anything is written, each problem one sentence with its fix."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass

from kubernaut.resources import pluralise

DEFAULT_GROUP = "example.dev"
LONGEST_NAME = 30
"""Keeps every generated line within the formatter's limit, and every Kubernetes name within 63 characters."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUFFIXES = ("-operator", "-controller")
_RESERVED_GROUPS = ("k8s.io", "kubernetes.io")
_TAKEN_PACKAGES = frozenset({"kubernaut", "tests", "config"})
_TAKEN_KINDS = frozenset(
    {
        "Any", "ConfigMap", "Context", "Controller", "FakeCluster", "Field", "Invalid", "MergePatch", "Model",
        "NotFound", "ObjectMeta", "PrinterColumn", "Reconciler", "Resource", "Result", "StatusBase",
    }
)  # fmt: skip
"""What the generated modules import."""


class BadName(ValueError):
    """A name that cannot be used; the message says why and proposes one that can."""


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that a project's files are named after."""

    project: str
    package: str
    group: str
    kind: str
    plural: str

    @classmethod
    def of(cls, name: str, *, group: str | None = None, kind: str | None = None) -> Names:
        """Check what was given and derive the rest.

        Raises:
            BadName: one of the names cannot be used.
        """
        project, package = _project(name)
        chosen = _kind(kind if kind is not None else _kind_of(project))
        return cls(project, package, _group(group if group is not None else DEFAULT_GROUP), chosen, pluralise(chosen))


def _project(name: str) -> tuple[str, str]:
    if not _NAME.fullmatch(name):
        proposal = re.sub(r"[^a-z0-9]+", "-", _spaced(name).lower()).strip("-0123456789")
        hint = f"; for example {proposal!r}" if _NAME.fullmatch(proposal) else ""
        raise BadName(f"NAME {name!r}: must be lower-case letters, digits and single dashes{hint}")
    if len(name) > LONGEST_NAME:
        raise BadName(f"NAME {name!r}: has {len(name)} characters; at most {LONGEST_NAME} are possible")
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in _TAKEN_PACKAGES:
        raise BadName(f"NAME {name!r}: Python already has a meaning for {package!r}; for example '{name}-operator'")
    return name, package


def _kind_of(project: str) -> str:
    stem = project
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return "".join(part.capitalize() for part in (stem or project).split("-"))


def _kind(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        proposal = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", kind)).lstrip(
            "0123456789"
        )
        hint = f"; for example {proposal!r}" if _KIND.fullmatch(proposal) else "; for example 'Widget'"
        raise BadName(f"--kind {kind!r}: must be letters and digits in UpperCamelCase{hint}")
    if len(kind) > LONGEST_NAME:
        raise BadName(f"--kind {kind!r}: has {len(kind)} characters; at most {LONGEST_NAME} are possible")
    if kind.endswith("List"):
        raise BadName(f"--kind {kind!r}: Kubernetes keeps names that end with 'List' for lists; choose another one")
    if kind in _TAKEN_KINDS or keyword.iskeyword(kind):
        raise BadName(f"--kind {kind!r}: the generated code uses that name already; choose another one")
    return kind


def _group(group: str) -> str:
    labels = group.split(".")
    if len(labels) < 2 or len(group) > 253 or not all(_LABEL.fullmatch(label) and len(label) < 64 for label in labels):
        raise BadName(f"--group {group!r}: must be a lower-case domain name of yours; for example 'example.dev'")
    for reserved in _RESERVED_GROUPS:
        if group == reserved or group.endswith(f".{reserved}"):
            raise BadName(f"--group {group!r}: {reserved} belongs to Kubernetes; use a domain name of yours")
    return group


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
