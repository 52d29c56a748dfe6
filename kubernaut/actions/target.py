"""The object an action is done to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.actions.parameters import ParameterError
from kubernaut.resources import ResourceType

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_FIELDS = ("apiVersion", "kind", "namespace", "name")
_MAX_NAME = 253
_MAX_LABEL = 63


class TargetError(ParameterError):
    """The target does not fit the action; `field` is a path under `target`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One object by name; `namespace` is None for cluster-scoped kinds."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    @classmethod
    def of(cls, live: Mapping[str, Any]) -> Target:
        """The target that is the given live object (a JSON dict with apiVersion, kind and metadata)."""
        metadata = live["metadata"]
        return cls(live["apiVersion"], live["kind"], metadata.get("namespace") or None, metadata["name"])

    @property
    def place(self) -> str | None:
        """The namespace that it lies in, or is: where rights and policies are asked for; None outside of all."""
        return self.name if (self.api_version, self.kind) == ("v1", "Namespace") else self.namespace

    def to_dict(self) -> dict[str, str]:
        """As `spec.target` of an execution."""
        document = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace or "",
            "name": self.name,
        }
        return {key: value for key, value in document.items() if value}

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def is_name(text: str) -> bool:
    """Whether an object can have that name: a DNS subdomain, as nearly all kinds ask for."""
    return len(text) <= _MAX_NAME and _SUBDOMAIN.fullmatch(text) is not None


def resolve_target(raw: Mapping[str, Any] | Target, targets: tuple[ResourceType, ...], *, action: str) -> Target:
    """Check a target against the kinds an action takes, and fill in an apiVersion that was left out.

    Names are checked as Kubernetes checks them, so none can be taken for an option of kubectl.
    Raises TargetError naming the field.
    """
    document = raw.to_dict() if isinstance(raw, Target) else raw
    for key in document:
        if key not in _FIELDS:
            raise TargetError(f"target.{key}", f"unknown field; a target has: {', '.join(_FIELDS)}")
    kind_name, name = document.get("kind"), document.get("name")
    allowed = ", ".join(str(target) for target in targets)
    kinds = [target for target in targets if target.kind == kind_name]
    if not kinds:
        raise TargetError("target.kind", f'{action} cannot act on kind "{kind_name or ""}"; it takes: {allowed}')
    version = document.get("apiVersion") or kinds[0].api_version
    kind = next((candidate for candidate in kinds if candidate.api_version == version), None)
    if kind is None:
        raise TargetError("target.apiVersion", f"{action} cannot act on {version} {kind_name}; it takes: {allowed}")
    if not isinstance(name, str) or not is_name(name):
        raise TargetError("target.name", f'"{name or ""}" is not the name of an object (a lower-case DNS name)')
    return Target(kind.api_version, kind.kind, _namespace(document.get("namespace") or None, kind), name)


def _namespace(namespace: Any, kind: ResourceType) -> str | None:
    if not kind.namespaced:
        if namespace:
            raise TargetError("target.namespace", f"a {kind.kind} has no namespace; leave it out")
        return None
    if not namespace:
        raise TargetError("target.namespace", f"is required: a {kind.kind} lives in a namespace")
    if not isinstance(namespace, str) or len(namespace) > _MAX_LABEL or not _LABEL.fullmatch(namespace):
        raise TargetError("target.namespace", f'"{namespace}" is not the name of a namespace')
    return namespace
