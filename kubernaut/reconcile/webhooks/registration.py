"""What the API server has to know of an admission webhook: which requests it is for, and what its failure means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kubernaut.client.checks import between, one_of
from kubernaut.resources import ResourceType

__all__ = ["Registration"]

_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT", "*")
_CHOICES = {
    "scope": ("*", "Namespaced", "Cluster"),
    "failure_policy": ("Fail", "Ignore"),
    "match_policy": ("Equivalent", "Exact"),
    "side_effects": ("None", "NoneOnDryRun"),
    "reinvocation_policy": ("Never", "IfNeeded"),
}


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything about a webhook but its address; the defaults suit a webhook that decides by the object alone.

    ``name``: a domain name of three parts or more; made of the kind unless given. ``groups``, ``versions``,
    ``resources``: what is matched, by default the webhook's kind (``resources=("widgets/status",)`` for a subresource).
    ``timeout``: whole seconds, 1 to 30. ``reinvocation_policy`` is for mutating webhooks only. Raises ValueError naming
    the field that the API server would refuse.
    """

    name: str | None = None
    operations: Sequence[str] = ("CREATE", "UPDATE")
    groups: Sequence[str] | None = None
    versions: Sequence[str] | None = None
    resources: Sequence[str] | None = None
    scope: Literal["*", "Namespaced", "Cluster"] = "*"
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    match_policy: Literal["Equivalent", "Exact"] = "Equivalent"
    side_effects: Literal["None", "NoneOnDryRun"] = "None"
    reinvocation_policy: Literal["Never", "IfNeeded"] = "Never"
    timeout: int = 10
    namespace_selector: Mapping[str, Any] | None = None
    object_selector: Mapping[str, Any] | None = None
    match_conditions: Sequence[Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        for field in ("operations", "groups", "versions", "resources"):
            if isinstance(getattr(self, field), str):
                raise ValueError(f"{field}: is a string, it must be a tuple of strings")
        if not self.operations:
            raise ValueError("operations: at least one is needed")
        for operation in self.operations:
            one_of("operations", operation, _OPERATIONS)
        for field, valid in _CHOICES.items():
            one_of(field, getattr(self, field), valid)
        between("timeout", self.timeout, 1, 30)
        if self.name is not None and self.name.count(".") < 2:
            raise ValueError(
                f"name: {self.name!r} is no domain name of three parts, such as 'check.widgets.example.dev'"
            )

    def rules(self, kind: ResourceType | None) -> list[dict[str, Any]]:
        """The ``rules``. Raises ValueError where neither this nor ``kind`` says what is matched."""
        groups = self.groups if kind is None or self.groups is not None else (kind.group,)
        versions = self.versions if kind is None or self.versions is not None else (kind.version,)
        resources = self.resources if kind is None or self.resources is not None else (kind.plural,)
        for field, value in (("groups", groups), ("versions", versions), ("resources", resources)):
            if not value:
                raise ValueError(f"{field}: a webhook without a kind has to say what it is for")
        rule = {"apiGroups": groups, "apiVersions": versions, "resources": resources, "operations": self.operations}
        return [{**{key: list(value or ()) for key, value in rule.items()}, "scope": self.scope}]

    def manifest(self, name: str, kind: ResourceType | None, *, mutating: bool) -> dict[str, Any]:
        """One entry of ``webhooks``, but for its ``clientConfig``; ``name`` where this has none."""
        entry: dict[str, Any] = {
            "name": self.name or name,
            "admissionReviewVersions": ["v1"],
            "rules": self.rules(kind),
            "failurePolicy": self.failure_policy,
            "matchPolicy": self.match_policy,
            "sideEffects": self.side_effects,
            "timeoutSeconds": self.timeout,
        }
        if mutating:
            entry["reinvocationPolicy"] = self.reinvocation_policy
        for key, value in (("namespaceSelector", self.namespace_selector), ("objectSelector", self.object_selector)):
            if value is not None:
                entry[key] = dict(value)
        if self.match_conditions:
            entry["matchConditions"] = [dict(condition) for condition in self.match_conditions]
        return entry
